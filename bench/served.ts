/** The real command `sputnik serve` in processes of its own, as a user starts it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { assert, defined } from '../src/base/assert.js'
import { type Environment, MAIN, stop } from './processes.js'
import { now } from './support.js'

const START_MS = 300_000
const POLL_MS = 5

export type Served = {
  readonly pid: number
  readonly port: number
  /** From the command to the first `/ready` that says yes. */
  readonly startSeconds: number
  readonly stop: () => Promise<void>
}

/** Starts it and waits until it is ready. */
export async function serveModel(
  modelPath: string,
  options: readonly string[],
  env: Environment = process.env,
): Promise<Served> {
  const port = await freePort()
  const args = ['serve', modelPath, '--port', port, '--log-level', 'warn', ...options].map(String)
  const started = now()
  const stdio = ['ignore', 'ignore', 'ignore'] as const
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: [...stdio] })
  try {
    await untilReady(port, child)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  const startSeconds = (now() - started) / 1000
  return { pid: defined(child.pid, 'process id'), port, startSeconds, stop: () => stop(child) }
}

async function untilReady(port: number, child: ChildProcess): Promise<void> {
  const deadline = now() + START_MS
  while (!(await isReady(port))) {
    assert(child.exitCode === null, `the server ended with ${child.exitCode}`)
    assert(now() < deadline, 'the server does not become ready')
    await sleep(POLL_MS)
  }
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/ready' }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    asked.on('error', () => resolve(false))
    asked.end()
  })
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  assert(typeof address === 'object' && address !== null, 'a server has an address')
  return address.port
}
