/**
 * Encrypted sockets between nodes, each end proving its key: TLS 1.3 with self-signed certificates.
 * The joiner compares the head's key with a pin, the listener learns the joiner's key. Knows
 * nothing of what is sent, and nothing of who may join.
 */
import { BlockList, connect as connectTcp, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { codeOf, reasonOf, SputnikError } from '../base/errors.js'
import { type Identity, nodeIdOf } from './identity.js'
import { pinOfCertificate, takePeerCertificate } from './peer-key.js'

export type SecureConnection = {
  /** Paused until somebody reads; destroying it is up to its owner. */
  readonly socket: Socket
  /** Node id of the other end by the key it proved; null on a plain link. */
  readonly peerId: string | null
  /** What it showed as proof, in PEM; null on a plain link. */
  readonly peerCertificatePem: string | null
}

export type ConnectOptions = {
  readonly host: string
  readonly port: number
  readonly identity: Identity
  /** SHA-256 of the key that the head must prove, hexadecimal. */
  readonly pin: string
  /** For all of it: name, connection and handshake. */
  readonly timeoutMs: number
  /** No encryption and no proof of keys; loopback addresses only. */
  readonly plain?: boolean
}

const KEEP_ALIVE_MS = 10_000

/** What both ends insist on; RSA and old curves are no keys of ours. */
export const TLS_OPTIONS = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  sigalgs: 'ed25519:ecdsa_secp256r1_sha256',
  // There is no authority to ask: the key itself is compared instead.
  rejectUnauthorized: false,
} as const satisfies ConnectionOptions

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * A connection to the node that proves the key `pin`. No byte is sent over it before that.
 * @throws SputnikError PLAIN_REFUSED, PEER_UNREACHABLE, PEER_REFUSED, HEAD_MISMATCH, LINK_TIMEOUT
 */
export async function connectSecure(options: ConnectOptions): Promise<SecureConnection> {
  const { host, port, timeoutMs, plain = false } = options
  const socket = plain
    ? connectTcp({ host: loopbackAddress(host), port })
    : connectTls(tlsOptions(options))
  try {
    await opened(socket, { event: plain ? 'connect' : 'secureConnect', timeoutMs })
    tune(socket)
    if (plain) return { socket, peerId: null, peerCertificatePem: null }
    return verifyHead(socket as TLSSocket, options)
  } catch (error) {
    socket.destroy()
    throw error instanceof SputnikError ? error : connectError(error, `${host}:${port}`)
  }
}

/** Where a plain link may go: `localhost` is not looked up. @throws SputnikError PLAIN_REFUSED */
export function loopbackAddress(host: string): string {
  if (host === 'localhost') return '127.0.0.1'
  if (isLoopback(host)) return host
  throw new SputnikError('PLAIN_REFUSED', `${host} is not this machine, so links are encrypted`)
}

/** Whether an address, not a name, is this machine itself. */
export function isLoopback(address: string): boolean {
  const version = isIP(address)
  return version !== 0 && loopback.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

/** Small frames go out at once, and a peer that vanished is noticed even by an idle link. */
export function tune(socket: Socket): Socket {
  return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS)
}

function tlsOptions({ host, port, identity }: ConnectOptions): ConnectionOptions {
  const { keyPem, certificatePem } = identity
  // Names prove nothing here, but an address would be sent as one.
  const servername = isIP(host) === 0 ? host : ''
  return { ...TLS_OPTIONS, host, port, servername, key: keyPem, cert: certificatePem }
}

function opened(
  socket: Socket,
  { event, timeoutMs }: { event: string; timeoutMs: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new SputnikError('LINK_TIMEOUT', 'the other end did not answer in time'))
    }, timeoutMs)
    const settle = (act: () => void): void => {
      clearTimeout(timer)
      act()
    }
    socket.once(event, () => settle(resolve))
    socket.once('close', () => settle(() => reject(new Error('it closed the connection'))))
    // Also keeps later errors of a socket nobody wants any more from ending the process.
    socket.on('error', (error) => settle(() => reject(error)))
  })
}

/** A TLS socket whose handshake is done. @throws SputnikError PEER_REFUSED when it is no node's */
export function secureConnection(socket: TLSSocket): SecureConnection & { readonly pin: string } {
  const certificate = takePeerCertificate(socket)
  const pin = pinOfCertificate(certificate)
  return { socket, pin, peerId: nodeIdOf(pin), peerCertificatePem: certificate.toString() }
}

function verifyHead(socket: TLSSocket, { pin, host, port }: ConnectOptions): SecureConnection {
  const connection = secureConnection(socket)
  if (connection.pin === pin) return connection
  throw new SputnikError('HEAD_MISMATCH', `${host}:${port} has another key than the one expected`)
}

function connectError(error: unknown, address: string): SputnikError {
  const reason = reasonOf(error)
  const code = codeOf(error) ?? ''
  const isTls = code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') || code === 'EPROTO'
  return new SputnikError(
    isTls ? 'PEER_REFUSED' : 'PEER_UNREACHABLE',
    `no link to ${address}: ${reason}`,
    {},
    error,
  )
}
