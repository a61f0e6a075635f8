/** A real `sputnik serve` in a process of its own, and what a test asks of it. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { defined } from '../../src/base/assert.js'
import { call } from '../server/harness.js'
import { childrenOf, survivorsAfterWait, waitUntil } from '../support/processes.js'

export const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** Small machines: one thread each, and a context that suffices. */
const SMALL = ['--threads', '1', '--card-threads', '1', '--ctx', '512', '--log-level', 'error']

export type Served = AsyncDisposable & {
  readonly child: ChildProcess
  readonly url: string
  readonly stderr: () => string
  readonly enginePid: () => number
  readonly cardPids: () => number[]
  /** Server, engine and cards. */
  readonly pids: () => number[]
  readonly exited: Promise<number | null>
}

/** Ends with everything it started; fails when one of its processes stays. */
export function serve(...args: string[]): Promise<Served> {
  return serveIn(process.env, ...args)
}

export async function serveIn(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Served> {
  const all = [MAIN, 'serve', '--port', '0', ...SMALL, ...args]
  const child = spawn(process.execPath, all, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit').then(([status]) => status as number | null)
  const pid = defined(child.pid, 'pid of the server')
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  await waitUntil(() => /ready at \S+\n/.test(stderr) || child.exitCode !== null, stderr)
  const url = /ready at (\S+)/.exec(stderr)?.[1]
  assert.ok(url, stderr)
  const enginePid = (): number => defined(childrenOf(pid)[0], 'an engine process')
  const cardPids = (): number[] => childrenOf(enginePid())
  const pids = (): number[] => {
    const engines = childrenOf(pid)
    return [pid, ...engines, ...engines.flatMap(childrenOf)]
  }
  const dispose = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const before = pids()
    child.kill('SIGKILL')
    assert.deepEqual(await survivorsAfterWait(before), [], 'processes stay behind')
  }
  return {
    child,
    url,
    stderr: () => stderr,
    enginePid,
    cardPids,
    pids,
    exited,
    [Symbol.asyncDispose]: dispose,
  }
}

/** The sum over all labels of a metric. */
export async function metric(url: string, name: string): Promise<number> {
  const { text } = await call(url, '/metrics')
  const lines = text.matchAll(new RegExp(`^sputnik_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))
  return [...lines].reduce((sum, [, value]) => sum + Number(value), 0)
}

export type Finished = {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end. */
export function sputnik(...args: string[]): Promise<Finished> {
  return sputnikIn(process.env, ...args)
}

export async function sputnikIn(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Finished> {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const [status] = await once(child, 'close')
  return { status, stdout, stderr }
}
