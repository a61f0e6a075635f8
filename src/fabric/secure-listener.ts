/**
 * Waits for nodes: TLS 1.3 in which both ends prove their keys, or plain text on loopback when
 * asked for; and, on the same port, data connections of nodes that have joined. Connections that
 * have not proven themselves are bounded in number and time.
 */
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import { defined } from '../base/assert.js'
import { codeOf, SputnikError } from '../base/errors.js'
import type { Identity } from './identity.js'
import { PendingSockets } from './pending-sockets.js'
import { readOpening } from './preamble.js'
import {
  loopbackAddress,
  type SecureConnection,
  secureConnection,
  TLS_OPTIONS,
  tune,
} from './secure-socket.js'

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
  /** Called with each data connection; one that this refuses is dropped. */
  readonly onData?: (ticket: string, socket: Socket) => void
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
  const pending = new PendingSockets(options)
  const tls = plain ? undefined : createTls(options, pending)
  const server = createTcpServer((socket) => {
    if (pending.add(socket)) void sort(socket, { options, pending, tls })
  })
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

type Sorting = {
  readonly options: ListenOptions
  readonly pending: PendingSockets
  readonly tls: TlsServer | undefined
}

/** Brings a new connection to those it is for. */
async function sort(socket: Socket, { options, pending, tls }: Sorting): Promise<void> {
  try {
    const opening = await readOpening(socket, options.handshakeTimeoutMs)
    if (opening.kind === 'data') {
      accept(socket, opening.ticket, options)
      pending.release(socket)
    } else if (tls === undefined) pending.proven({ socket, peerId: null, peerCertificatePem: null })
    else tls.emit('connection', socket)
  } catch (error) {
    pending.drop(socket, error)
  }
}

function accept(socket: Socket, ticket: string, { onData }: ListenOptions): void {
  if (onData === undefined) throw new SputnikError('PEER_REFUSED', 'data is not expected here')
  onData(ticket, tune(socket))
}

/** Never listens itself: it is given the sockets that speak TLS. */
function createTls(options: ListenOptions, pending: PendingSockets): TlsServer {
  const { keyPem, certificatePem } = options.identity
  const server = createTlsServer({
    ...TLS_OPTIONS,
    key: keyPem,
    cert: certificatePem,
    requestCert: true,
    handshakeTimeout: options.handshakeTimeoutMs,
  })
  server.on('secureConnection', (socket) => acceptTls(socket, pending))
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => pending.drop(socket, error))
  return server
}

function acceptTls(socket: TLSSocket, pending: PendingSockets): void {
  try {
    pending.proven(secureConnection(socket))
  } catch (error) {
    pending.drop(socket, error)
  }
}

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
