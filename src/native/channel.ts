/**
 * Bytes to and from one peer over a stream socket that never blocks: the socket as it is, or TLS on
 * top of it (tls-channel.ts). Knows nothing of frames.
 */
import type { Pointer } from './memory.js'
import type { Sockets } from './sockets.js'

export type Channel = {
  readonly fd: number
  /**
   * Goes on with what has to happen before bytes may pass; true once they may.
   * @throws SputnikError when the peer is gone or not the one it should be
   */
  open(): boolean
  /** Bytes read; 0 when nothing is there, -1 when the peer is gone. */
  read(address: Pointer, bytes: number): number
  /**
   * Bytes taken, maybe not all; 0 when there is no room: then the same bytes must be offered again.
   * -1 when the peer is gone.
   */
  write(address: Pointer, bytes: number): number
  /** All that was taken from the socket so far, whether `read` gave it yet or not. */
  readonly bytesTaken: number
  /** Why the peer is gone, as far as that is known. */
  readonly reason: string
  /** Once; gives the socket back to the system. */
  close(): void
}

export class SocketChannel implements Channel {
  readonly fd: number
  readonly reason = 'the connection was closed'
  bytesTaken = 0
  readonly #sockets: Sockets

  constructor(sockets: Sockets, fd: number) {
    this.#sockets = sockets
    this.fd = fd
  }

  open(): boolean {
    return true
  }

  read(address: Pointer, bytes: number): number {
    const got = this.#sockets.receive(this.fd, address, bytes)
    if (got > 0) this.bytesTaken += got
    return got
  }

  write(address: Pointer, bytes: number): number {
    return this.#sockets.send(this.fd, address, bytes)
  }

  close(): void {
    this.#sockets.close(this.fd)
  }
}
