/** Looks at processes from outside: children, life, and waiting for either. */

import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

/** Far above what anything takes here: only what would never come may fail on a slow machine. */
const WAIT_MS = 120_000

type Listed = { readonly pid: number; readonly parent: number; readonly state: string }

function listProcesses(): Listed[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .map(([pid, parent, state]) => ({
      pid: Number(pid),
      parent: Number(parent),
      state: state ?? '',
    }))
}

/** Processes that have ended but were not asked for their status yet do not count. */
const lives = ({ state }: Listed): boolean => !state.startsWith('Z')

/** In the order of their ids, which is that of their start. */
export function childrenOf(pid: number): number[] {
  const children = listProcesses().filter((one) => one.parent === pid && lives(one))
  return children.map((one) => one.pid).sort((a, b) => a - b)
}

export function survivors(pids: readonly number[]): number[] {
  const living = new Set(listProcesses().flatMap((one) => (lives(one) ? [one.pid] : [])))
  return pids.filter((pid) => living.has(pid))
}

/** The processes of `pids` that have not ended after a generous time. */
export async function survivorsAfterWait(pids: readonly number[]): Promise<number[]> {
  await waitUntil(() => survivors(pids).length === 0).catch(() => {})
  return survivors(pids)
}

/** Rejects when `condition` does not hold within a generous time. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  what = 'the condition never held',
): Promise<void> {
  const endMs = performance.now() + WAIT_MS
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(what)
    await sleep(20)
  }
}
