/** Looks at processes through /proc and ends them. Linux only; knows nothing of what they do. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { assert } from '../src/base/assert.js'

export const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))

export const MEGABYTE = 1e6
const POLL_MS = 5

export type Environment = Readonly<Record<string, string | undefined>>

/** Processes whose parent this is, by the fourth field of proc_pid_stat(5). */
export function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => parentOf(pid) === parent).map(Number)
}

function parentOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(/^\d+ \(.*\) \S (\d+) /s.exec(stat)?.[1])
  } catch {
    // Gone since the folder was read.
    return Number.NaN
  }
}

/** It may have ended by itself. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    assert(error instanceof Error && 'code' in error && error.code === 'ESRCH', String(error))
  }
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

/** What a command of sputnik prints. */
export async function sputnik(args: readonly string[], env: Environment): Promise<string> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part) => {
    text += part
  })
  const [status] = await once(child, 'close')
  assert(status === 0, `sputnik ${args[0]} ended with ${status}`)
  return text
}

type Waiting = { readonly what: string; readonly withinMs?: number; readonly pollMs?: number }

/** Looks again and again; `what` is said when it takes too long. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  { what, withinMs = 60_000, pollMs = POLL_MS }: Waiting,
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await condition())) {
    assert(performance.now() < deadline, `${what}: not within ${withinMs / 1000} s`)
    await sleep(pollMs)
  }
}

export type Residence = Readonly<Record<(typeof FIELDS)[number], number>>

const FIELDS = ['VmRSS', 'RssAnon', 'RssFile', 'RssShmem'] as const

/** Of all these processes together, in MB; proc_pid_status(5). */
export function residence(pids: readonly number[]): Residence {
  const texts = pids.map((pid) => readFileSync(`/proc/${pid}/status`, 'utf8'))
  const sum = (field: string): number =>
    texts.reduce((all, text) => all + megabytes(text, field), 0)
  return {
    VmRSS: sum('VmRSS'),
    RssAnon: sum('RssAnon'),
    RssFile: sum('RssFile'),
    RssShmem: sum('RssShmem'),
  }
}

function megabytes(status: string, field: string): number {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
  return (Number(kibibytes) * 1024) / MEGABYTE
}
