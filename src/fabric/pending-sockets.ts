/**
 * Connections between being accepted and being trusted: bounded in number, each handed over once or
 * dropped. Knows nothing of how they prove themselves.
 */
import type { Socket } from 'node:net'
import { reasonOf, SputnikError } from '../base/errors.js'
import { type SecureConnection, tune } from './secure-socket.js'

export type PendingOptions = {
  /** While the promise it returns is pending, the connection still counts. */
  readonly onSocket: (connection: SecureConnection) => void | Promise<void>
  readonly onRefused?: (error: SputnikError, remoteAddress: string) => void
  readonly maxPending: number
}

export class PendingSockets {
  readonly #options: PendingOptions
  /** By the address of their other end. */
  readonly #sockets = new Map<string, Socket>()

  constructor(options: PendingOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#sockets.size
  }

  /** False when there is no room for it. */
  add(socket: Socket): boolean {
    socket.on('error', ignoreError)
    if (this.#sockets.size >= this.#options.maxPending) {
      this.drop(socket, new SputnikError('PEER_REFUSED', 'too many connections wait to join'))
      return false
    }
    const address = addressOf(socket)
    this.#sockets.set(address, socket)
    socket.once('close', () => this.#remove(address, socket))
    return true
  }

  /** The socket belongs to somebody else now. */
  release(socket: Socket): void {
    this.#remove(addressOf(socket), socket)
  }

  /** Hands a connection over, unless it was dropped before. */
  proven(connection: SecureConnection): void {
    const { socket } = connection
    const address = addressOf(socket)
    const raw = this.#sockets.get(address)
    if (raw === undefined || socket.destroyed) {
      socket.destroy()
      return
    }
    socket.on('error', ignoreError)
    tune(socket)
    const release = (): void => this.#remove(address, raw)
    const fail = (error: unknown): void => this.drop(socket, error)
    // A handler that throws at once is treated as one that rejects.
    Promise.resolve(connection).then(this.#options.onSocket).catch(fail).finally(release)
  }

  drop(socket: Socket, error: unknown): void {
    const refused = error instanceof SputnikError ? error : asRefused(error)
    this.#options.onRefused?.(refused, socket.remoteAddress ?? 'gone')
    socket.destroy()
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.destroy()
  }

  #remove(address: string, socket: Socket): void {
    if (this.#sockets.get(address) === socket) this.#sockets.delete(address)
  }
}

function asRefused(error: unknown): SputnikError {
  const reason = reasonOf(error)
  return new SputnikError('PEER_REFUSED', `a connection failed: ${reason}`, {}, error)
}

/** Of all connections to one port no two have this in common. */
function addressOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

/** A broken socket closes, and that is what its owner waits for. */
function ignoreError(): void {}
