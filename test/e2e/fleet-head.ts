/** A real head that listens for domains, real domains that join it, and what tests ask of both. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { defined } from '../../src/base/assert.js'
import type { DomainView, FleetView } from '../../src/engine/protocol.js'
import { call } from '../server/harness.js'
import { childrenOf, survivorsAfterWait, waitUntil } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { type Finished, MAIN, type Served, serveIn, sputnikIn } from './served.js'

const KEY_USES = '20'
/** Pages that come back late on a slow machine are no reason to fail. */
const PATIENT = ['--pages-wait', '60']

export type JoinOptions = {
  /** The same name is the same node. */
  readonly name: string
  /** Instead of the head's model; null: none. */
  readonly model?: string | null
  /** Instead of a good one. */
  readonly key?: string
  /** Instead of the head's own. */
  readonly address?: string
  readonly args?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

export class FleetHead {
  readonly served: Served
  readonly #model: string
  readonly #folder: string
  readonly #joined: FleetNode[] = []
  #key: string | undefined

  private constructor(served: Served, { model, folder }: { model: string; folder: string }) {
    this.served = served
    this.#model = model
    this.#folder = folder
  }

  /** With exact sums, so that no placement changes a text. */
  static async start(model: string, ...args: string[]): Promise<FleetHead> {
    const folder = scratchDirectory()
    const port = await freePort()
    const listen = ['--fleet-listen', `127.0.0.1:${port}`]
    const served = await serveIn(headEnv(folder), model, '--exact', ...PATIENT, ...listen, ...args)
    const head = new FleetHead(served, { model, folder })
    await waitUntil(async () => (await head.fleet()).address !== null)
    return head
  }

  get url(): string {
    return this.served.url
  }

  async address(): Promise<string> {
    return defined((await this.fleet()).address ?? undefined, 'an address')
  }

  async fleet(): Promise<FleetView> {
    const { text, json } = await call(this.url, '/v1/fleet')
    assert.ok('domains' in json, text)
    return json as unknown as FleetView
  }

  /** Undefined while the node is not there. */
  async domain(node: string): Promise<DomainView | undefined> {
    return (await this.fleet()).domains.find(({ name }) => name === node)
  }

  /** What has happened, for people. */
  async news(): Promise<string[]> {
    const { events } = await this.fleet()
    return events.map(({ atMs, kind, name, text }) => `${atMs} ${kind} ${name} ${text}`)
  }

  async kinds(): Promise<string[]> {
    return (await this.fleet()).events.map(({ kind, name }) => `${kind} ${name}`)
  }

  /** A command on the head's machine. */
  sputnik(...args: string[]): Promise<Finished> {
    return sputnikIn(headEnv(this.#folder), ...args)
  }

  async newKey(...args: string[]): Promise<string> {
    const listen = ['--listen', await this.address()]
    const { stdout, stderr } = await this.sputnik('token', 'create', ...listen, ...args)
    return defined(/--key (\S+)/.exec(stdout)?.[1], `a join key: ${stderr}`)
  }

  async join({ name, model, key, address, args = [], env = {} }: JoinOptions): Promise<FleetNode> {
    this.#key ??= await this.newKey('--uses', KEY_USES)
    const path = model === undefined ? this.#model : model
    const node = new FleetNode({
      args: [
        ...['join', address ?? (await this.address()), '--key', key ?? this.#key, '--name', name],
        ...['--threads', '1', '--backend', 'cpu', ...args],
        ...(path === null ? [] : ['--model', path]),
      ],
      env: { XDG_STATE_HOME: join(this.#folder, name), ...env },
    })
    this.#joined.push(node)
    return node
  }

  /** Waits until those hold all pages, each as often as asked, and nothing moves. */
  async settled(names: readonly string[], replicas = 1): Promise<void> {
    const isIt = async (): Promise<boolean> => {
      const { domains, pages, moving, toMove, orphans } = await this.fleet()
      const ready = domains.filter(({ nodeId, state }) => nodeId !== null && state === 'ready')
      const isThere = ready.length === names.length
      const isEach = names.every((name) => ready.some((one) => one.name === name))
      const held = ready.reduce((sum, one) => sum + one.pages, 0)
      const isQuiet = moving === 0 && toMove === 0 && orphans === 0
      return isQuiet && isThere && isEach && held === replicas * pages
    }
    await this.#wait(isIt, `${names} never held all pages`)
  }

  /** What nodes and fleet say is said when it takes too long. */
  async #wait(condition: () => Promise<boolean>, what: string): Promise<void> {
    try {
      await waitUntil(condition)
    } catch {
      const said = this.#joined.map(({ said }) => said()).join('\n')
      const { domains } = await this.fleet()
      const held = domains.map(({ name, state, pages }) => `${name} ${state} ${pages}`)
      assert.fail([`${what}:`, said, ...held, ...(await this.news())].join('\n'))
    }
  }

  /** Waits until some domain holds pages and all lie where they should. */
  async moved(): Promise<void> {
    await this.#wait(async () => {
      const { domains, pages, moving, toMove, orphans } = await this.fleet()
      const joined = domains.filter(({ nodeId }) => nodeId !== null)
      const isReady = joined.some((one) => one.state === 'ready' && one.pages > 0)
      const held = domains.reduce((sum, one) => sum + one.pages, 0)
      return isReady && moving === 0 && toMove === 0 && orphans === 0 && held === pages
    }, 'pages never came to rest')
  }

  /** Waits until a node is there no more. */
  async lost(node: string): Promise<void> {
    await this.#wait(async () => (await this.domain(node)) === undefined, `${node} is still there`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#joined) await node[Symbol.asyncDispose]()
    await this.served[Symbol.asyncDispose]()
  }
}

/** `sputnik join` with everything it starts. */
export class FleetNode {
  readonly child: ChildProcess
  #said = ''

  constructor({ args, env }: { args: readonly string[]; env: NodeJS.ProcessEnv }) {
    this.child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        this.#said += text
      })
    }
  }

  readonly said = (): string => this.#said

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** The process that serves the head. */
  domainPid(): number {
    return defined(childrenOf(this.#pid)[0], 'a domain process')
  }

  /** Cards with a process of their own. */
  cardPids(): number[] {
    return childrenOf(this.domainPid())
  }

  get #pid(): number {
    return defined(this.child.pid, 'pid')
  }

  get #pids(): number[] {
    const domains = childrenOf(this.#pid)
    return [this.#pid, ...domains, ...domains.flatMap(childrenOf)]
  }

  /** The domain process; `sputnik join` starts it again. */
  signalDomain(name: NodeJS.Signals): void {
    process.kill(this.domainPid(), name)
  }

  /** As when the power fails: nothing starts again. */
  async cutPower(): Promise<void> {
    const ended = once(this.child, 'exit')
    for (const pid of this.#pids) process.kill(pid, 'SIGKILL')
    await ended
  }

  /** As with Ctrl+C; its exit status. */
  async leave(): Promise<number | null> {
    const ended = once(this.child, 'exit')
    this.child.kill('SIGINT')
    await ended
    return this.child.exitCode
  }

  /** Exit status, when it does not want to go on. */
  async refused(): Promise<number | null> {
    await waitUntil(() => this.child.exitCode !== null, `it goes on: ${this.said()}`)
    return this.child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasEnded) return
    const before = this.#pids
    for (const pid of before) process.kill(pid, 'SIGCONT')
    this.child.kill('SIGTERM')
    assert.deepEqual(await survivorsAfterWait(before), [], 'processes of the domain stay behind')
  }
}

/** Identity, join keys and nodes of the head lie there. */
function headEnv(folder: string): NodeJS.ProcessEnv {
  return { ...process.env, XDG_STATE_HOME: join(folder, 'head') }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}
