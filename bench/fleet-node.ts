/** `sputnik join` in processes of its own, with an identity of its own: a machine that joins. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { defined } from '../src/base/assert.js'
import { childrenOf, type Environment, MAIN, signal, stop } from './processes.js'

export type FleetNodeOptions = {
  readonly name: string
  /** Where it keeps its identity; the same folder is the same node. */
  readonly folder: string
  readonly address: string
  readonly key: string
  readonly modelPath: string
  /** More of `sputnik join`. */
  readonly options?: readonly string[]
  readonly env?: Environment
}

export class FleetNode {
  readonly name: string
  readonly #child: ChildProcess

  constructor({ name, folder, address, key, modelPath, ...more }: FleetNodeOptions) {
    const { options = [], env = {} } = more
    this.name = name
    const what = ['--key', key, '--model', modelPath, '--name', name, '--threads', '1']
    const args = [MAIN, 'join', address, ...what, '--backend', 'cpu', ...options]
    const state = { XDG_STATE_HOME: join(folder, name) }
    this.#child = spawn(process.execPath, args, {
      env: { ...process.env, ...state, ...env },
      stdio: ['ignore', 'ignore', 'ignore'],
    })
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** The process that serves the head, and cards of its own. */
  get domainPids(): number[] {
    const domains = childrenOf(this.#pid)
    return [...domains, ...domains.flatMap(childrenOf)]
  }

  get #pid(): number {
    return defined(this.#child.pid, 'process id')
  }

  /** As when the power fails: nothing is said, nothing starts again. */
  async kill(): Promise<void> {
    if (this.hasEnded) return
    const ended = once(this.#child, 'exit')
    const all = [...this.domainPids, this.#pid]
    for (const pid of all) signal(pid, 'SIGKILL')
    await ended
  }

  stop(): Promise<void> {
    return stop(this.#child)
  }
}
