/**
 * Sockets of Node on their way from the fabric thread to the main thread: what `net` does not offer
 * is asked of the handle behind a socket, which all versions of Node have.
 */
import { connect, type Socket } from 'node:net'
import { SputnikError } from '../base/errors.js'
import { preambleOf } from './preamble.js'

type Handle = { readonly fd?: number; readStop?(): number }

/**
 * From now on this thread reads nothing of the socket, so that another one can. Returns its
 * descriptor, which is good until the socket is destroyed. @throws SputnikError NODE_UNSUPPORTED
 */
export function holdSocket(socket: Socket): number {
  const handle = (socket as Socket & { readonly _handle?: Handle | null })._handle
  const fd = handle?.fd ?? -1
  if (fd < 0 || handle?.readStop === undefined) {
    throw new SputnikError('NODE_UNSUPPORTED', 'this Node.js does not show the sockets it opens')
  }
  socket.pause()
  // The stream would start to read again of its own accord, to fill its buffer.
  socket._read = () => {}
  handle.readStop()
  return fd
}

export type DataConnectOptions = {
  readonly host: string
  readonly port: number
  readonly ticket: string
  readonly timeoutMs: number
}

/**
 * The node's end of a data connection: its first bytes are sent, nothing is read.
 * @throws SputnikError PEER_UNREACHABLE, LINK_TIMEOUT
 */
export function connectData({
  host,
  port,
  ticket,
  timeoutMs,
}: DataConnectOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true }).pause()
    const fail = (code: 'PEER_UNREACHABLE' | 'LINK_TIMEOUT', reason: string): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new SputnikError(code, `no data connection to ${host}:${port}: ${reason}`))
    }
    const timer = setTimeout(() => fail('LINK_TIMEOUT', 'it takes too long'), timeoutMs)
    socket.on('error', (error) => fail('PEER_UNREACHABLE', error.message))
    socket.once('connect', () => {
      holdSocket(socket)
      socket.write(preambleOf(ticket), () => {
        clearTimeout(timer)
        resolve(socket)
      })
    })
  })
}
