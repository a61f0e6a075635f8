/**
 * Waits for nodes: TLS 1.3 in which both ends prove their keys, or plain text on loopback when
 * asked for. Connections that have not proven themselves are bounded in number and time.
 */
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import { codeOf } from '../base/state.js'
import { type Identity, nodeIdOf } from './identity.js'
import { peerPin } from './peer-key.js'
import { loopbackAddress, type SecureConnection, TLS_OPTIONS, tune } from './secure-socket.js'

export type ListenOptions = {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly identity: Identity
  /**
   * Called with each connection whose peer proved a key. While the promise it returns is pending,
   * the connection counts as one that has not proven itself.
   */
  readonly onSocket: (connection: SecureConnection) => void | Promise<void>
  readonly handshakeTimeoutMs: number
  /** Further connections are closed at once. */
  readonly maxPending: number
  readonly plain?: boolean
  /** Told why a connection was dropped, for the log. */
  readonly onRefused?: (error: SputnikError, remoteAddress: string) => void
}

export type SecureListener = {
  readonly host: string
  readonly port: number
  readonly pending: number
  /** Closes the port and what has not proven itself; other sockets stay with their owners. */
  close(): Promise<void>
}

/** @throws SputnikError PLAIN_REFUSED, PORT_IN_USE, PEER_UNREACHABLE */
export async function listenSecure(options: ListenOptions): Promise<SecureListener> {
  const { port, plain = false } = options
  const host = plain ? loopbackAddress(options.host) : options.host
  const pending = new Pending(options)
  const server = plain ? createTcpServer() : createTls(options)
  server.on('connection', (socket) => pending.add(socket))
  if (plain) server.on('connection', (socket) => pending.proven(socket, null))
  else server.on('secureConnection', (socket: TLSSocket) => acceptTls(socket, pending))
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => pending.drop(socket, error))
  await listening(server, { host, port })
  const address = defined(server.address(), 'address') as AddressInfo
  return {
    host: address.address,
    port: address.port,
    get pending() {
      return pending.count
    },
    close: () => {
      pending.close()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function createTls({ identity, handshakeTimeoutMs }: ListenOptions): Server {
  const { keyPem, certificatePem } = identity
  return createTlsServer({
    ...TLS_OPTIONS,
    key: keyPem,
    cert: certificatePem,
    requestCert: true,
    handshakeTimeout: handshakeTimeoutMs,
  })
}

function acceptTls(socket: TLSSocket, pending: Pending): void {
  try {
    pending.proven(socket, nodeIdOf(peerPin(socket)))
  } catch (error) {
    pending.drop(socket, error)
  }
}

/** Connections between being accepted and being trusted, by the address of their other end. */
class Pending {
  readonly #options: ListenOptions
  readonly #sockets = new Map<string, Socket>()

  constructor(options: ListenOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#sockets.size
  }

  add(socket: Socket): void {
    socket.on('error', ignoreError)
    const address = addressOf(socket)
    if (this.#sockets.size >= this.#options.maxPending) {
      this.drop(socket, new SputnikError('PEER_REFUSED', 'too many connections wait to join'))
      return
    }
    this.#sockets.set(address, socket)
    socket.once('close', () => this.#remove(address, socket))
  }

  /** Hands the socket over, unless it was dropped before. */
  proven(socket: Socket, peerId: string | null): void {
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
    Promise.resolve({ socket, peerId }).then(this.#options.onSocket).catch(fail).finally(release)
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
  const reason = error instanceof Error ? error.message : String(error)
  return new SputnikError('PEER_REFUSED', `a connection failed: ${reason}`, {}, error)
}

/** Of all connections to one port no two have this in common. */
function addressOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

/** A broken socket closes, and that is what its owner waits for. */
function ignoreError(): void {}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', (error) => {
      const inUse = codeOf(error) === 'EADDRINUSE'
      const text = `cannot listen on ${host}:${port}: ${error.message}`
      reject(new SputnikError(inUse ? 'PORT_IN_USE' : 'PEER_UNREACHABLE', text, {}, error))
    })
    server.listen({ host, port })
  })
}
