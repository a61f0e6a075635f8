/** A head that listens for domains, in processes of its own, and the nodes that join it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert, defined } from '../src/base/assert.js'
import type { FleetView } from '../src/engine/protocol.js'
import { mapPages } from '../src/gguf/pages.js'
import { openGguf } from '../src/gguf/reader.js'
import { regionsInUse } from '../src/pages/card-load.js'
import { FleetNode, type FleetNodeOptions } from './fleet-node.js'
import { childrenOf, type Environment, sputnik, waitUntil } from './processes.js'
import { freePort, type Served, serveModel } from './served.js'

export type JoinOptions = Pick<FleetNodeOptions, 'options' | 'env'>

const KEY_USES = '1000'
const MOVE_MS = 120_000

export class FleetHead {
  readonly modelPath: string
  readonly #served: Served
  readonly #address: string
  readonly #key: string
  readonly #folder: string
  readonly #nodes = new Set<FleetNode>()

  private constructor(parts: {
    modelPath: string
    served: Served
    address: string
    key: string
    folder: string
  }) {
    this.modelPath = parts.modelPath
    this.#served = parts.served
    this.#address = parts.address
    this.#key = parts.key
    this.#folder = parts.folder
  }

  static async start(modelPath: string, options: readonly string[]): Promise<FleetHead> {
    const folder = mkdtempSync(join(tmpdir(), 'sputnik-bench-'))
    const env = stateOf(folder)
    const address = `127.0.0.1:${await freePort()}`
    const served = await serveModel(modelPath, ['--fleet-listen', address, ...options], env)
    const key = await createKey(address, env)
    const head = new FleetHead({ modelPath, served, address, key, folder })
    await waitUntil(async () => (await head.fleet()).address !== null, {
      what: 'a head that listens',
    })
    return head
  }

  /** The process that computes. */
  get enginePid(): number {
    return defined(childrenOf(this.#served.pid)[0], 'an engine')
  }

  get port(): number {
    return this.#served.port
  }

  async fleet(): Promise<FleetView> {
    const answer = await fetch(`http://127.0.0.1:${this.port}/v1/fleet`)
    return (await answer.json()) as FleetView
  }

  /** Asks for a change of the fleet. */
  async change(action: 'drain' | 'pardon', node: string): Promise<void> {
    const url = `http://127.0.0.1:${this.port}/v1/fleet/domains/${node}/${action}`
    const { ok, status } = await fetch(url, { method: 'POST' })
    assert(ok, `${action} ${node}: status ${status}`)
  }

  join(name: string, { options = [], env = {} }: JoinOptions = {}): FleetNode {
    const node = new FleetNode({
      name,
      folder: this.#folder,
      address: this.#address,
      key: this.#key,
      modelPath: this.modelPath,
      options,
      env,
    })
    this.#nodes.add(node)
    return node
  }

  /** Waits until so many domains hold all pages, each as often as asked, and nothing moves. */
  async settled({ domains, replicas = 1 }: { domains: number; replicas?: number }): Promise<void> {
    const pages = replicas * pageCount(this.modelPath)
    const what = `${pages} pages on ${domains} domains`
    await waitUntil(async () => isSettled(await this.fleet(), { domains, pages }), {
      what,
      withinMs: MOVE_MS,
    })
  }

  /** Waits until so many domains are ready for work. */
  async present(domains: number): Promise<void> {
    const isThere = async (): Promise<boolean> => {
      const joined = (await this.fleet()).domains.filter(({ nodeId }) => nodeId !== null)
      return joined.length === domains && joined.every(({ state }) => state === 'ready')
    }
    await waitUntil(isThere, { what: `${domains} domains are there` })
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#nodes].map((node) => node.stop()))
    await this.#served.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Nothing moves, and the domains that joined hold so many pages. */
export function isSettled(
  { domains, moving, orphans }: FleetView,
  wanted: { domains: number; pages: number },
): boolean {
  const joined = domains.filter(({ nodeId, state }) => nodeId !== null && state === 'ready')
  const held = joined.reduce((sum, { pages }) => sum + pages, 0)
  const isQuiet = moving === 0 && orphans === 0
  return isQuiet && joined.length === wanted.domains && held === wanted.pages
}

export function pageCount(modelPath: string): number {
  const gguf = openGguf(modelPath)
  return regionsInUse(mapPages(gguf), gguf).reduce((sum, { experts }) => sum + experts, 0)
}

/** Identity, join keys and nodes of a head lie there. */
export function stateOf(folder: string): Environment {
  return { ...process.env, XDG_STATE_HOME: join(folder, 'head') }
}

/** For as many nodes as a benchmark may want. */
export async function createKey(address: string, env: Environment): Promise<string> {
  const args = ['token', 'create', '--uses', KEY_USES, '--listen', address]
  return defined(/--key (\S+)/.exec(await sputnik(args, env))?.[1], 'a join key')
}
