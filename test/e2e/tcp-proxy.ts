/** A cable that can be cut: passes bytes between nodes and a head, until it is told to stop. */

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export type Cut = 'none' | 'to head' | 'to node' | 'both'

type Pair = { readonly node: Socket; readonly head: Socket }

export class TcpProxy {
  readonly #server: Server
  readonly #target: string
  readonly #pairs = new Set<Pair>()
  #cut: Cut = 'none'

  private constructor(target: string) {
    this.#target = target
    this.#server = createServer((node) => this.#pass(node))
  }

  static async open(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get address(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('it does not listen')
    return `127.0.0.1:${address.port}`
  }

  /** Bytes of that direction go nowhere until it is mended; no connection is closed. */
  cut(direction: Cut): void {
    this.#cut = direction
    for (const { node, head } of this.#pairs) {
      flow(node, direction === 'to head' || direction === 'both')
      flow(head, direction === 'to node' || direction === 'both')
    }
  }

  #pass(node: Socket): void {
    const { hostname, port } = new URL(`tcp://${this.#target}`)
    const head = connect(Number(port), hostname)
    const pair = { node, head }
    this.#pairs.add(pair)
    join(node, head)
    join(head, node)
    this.cut(this.#cut)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const { node, head } of this.#pairs) {
      node.destroy()
      head.destroy()
    }
  }
}

function flow(from: Socket, isCut: boolean): void {
  if (isCut) from.pause()
  else from.resume()
}

function join(from: Socket, to: Socket): void {
  from.on('data', (bytes) => to.write(bytes))
  from.on('end', () => to.end())
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
}
