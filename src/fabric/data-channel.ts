/**
 * Opens the data connection of a peer that the fabric thread has let in: one byte from the head
 * says that its main thread has the socket, then TLS proves that the other end is the node of the
 * control connection. Until then the node sends nothing, so that nothing is lost between two
 * threads. Knows nothing of frames.
 */
import { X509Certificate } from 'node:crypto'
import { SputnikError } from '../base/errors.js'
import { type Channel, SocketChannel } from '../native/channel.js'
import { allocateCollected, type Pointer } from '../native/memory.js'
import type { Sockets } from '../native/sockets.js'
import { TlsChannel } from '../native/tls-channel.js'
import type { Identity } from './identity.js'
import { pinOfCertificate } from './peer-key.js'
import { TLS_OPTIONS } from './secure-socket.js'

export type DataChannelOptions = {
  readonly sockets: Sockets
  readonly fd: number
  readonly isHead: boolean
  readonly identity: Pick<Identity, 'keyPem' | 'certificatePem'>
  /** What the peer has shown on the control connection; null on a plain link. */
  readonly peerCertificatePem: string | null
}

/** Says that somebody is there to read. */
const GO = 0x21

/** @throws SputnikError NODE_UNSUPPORTED, NATIVE_FAILED */
export function openDataChannel(options: DataChannelOptions): Channel {
  const { sockets, fd, identity, isHead, peerCertificatePem } = options
  if (peerCertificatePem === null) return new DataChannel(options, new SocketChannel(sockets, fd))
  const { sigalgs } = TLS_OPTIONS
  const { keyPem, certificatePem } = identity
  const keys = { keyPem, certificatePem, peerCertificatePem, sigalgs }
  const tls = new TlsChannel(sockets, fd, { isServer: isHead, ...keys })
  const pin = pinOfPem(peerCertificatePem)
  return new DataChannel(options, tls, () => verify(tls, pin))
}

class DataChannel implements Channel {
  readonly fd: number
  readonly #channel: Channel
  readonly #sockets: Sockets
  readonly #isHead: boolean
  readonly #verify: () => void
  #isGoing = false
  #isOpen = false

  constructor(
    { sockets, fd, isHead }: DataChannelOptions,
    channel: Channel,
    verify: () => void = () => {},
  ) {
    this.fd = fd
    this.#channel = channel
    this.#sockets = sockets
    this.#isHead = isHead
    this.#verify = verify
  }

  get bytesTaken(): number {
    return this.#channel.bytesTaken
  }

  get reason(): string {
    return this.#channel.reason
  }

  open(): boolean {
    if (this.#isOpen) return true
    this.#isGoing ||= this.#isHead ? this.#go() : this.#awaitGo()
    if (!this.#isGoing || !this.#channel.open()) return false
    this.#verify()
    this.#isOpen = true
    return true
  }

  read(address: Pointer, bytes: number): number {
    return this.#channel.read(address, bytes)
  }

  write(address: Pointer, bytes: number): number {
    return this.#channel.write(address, bytes)
  }

  close(): void {
    this.#channel.close()
  }

  #go(): boolean {
    const byte = allocateCollected(1)
    byte.bytes[0] = GO
    return alive(this.#sockets.send(this.fd, byte.address, 1)) > 0
  }

  #awaitGo(): boolean {
    const byte = allocateCollected(1)
    if (alive(this.#sockets.receive(this.fd, byte.address, 1)) === 0) return false
    if (byte.bytes[0] === GO) return true
    throw new SputnikError('PEER_REFUSED', 'the head began the data connection with something else')
  }
}

function alive(count: number): number {
  if (count >= 0) return count
  throw new SputnikError('PEER_UNREACHABLE', 'the other end closed the data connection')
}

/** TLS has trusted the certificate already; the key in it is what a node is known by. */
function verify(channel: TlsChannel, pin: string): void {
  if (pinOfCertificate(new X509Certificate(channel.peerCertificate())) === pin) return
  throw new SputnikError('PEER_REFUSED', 'the data connection is of another node')
}

function pinOfPem(certificatePem: string): string {
  return pinOfCertificate(new X509Certificate(certificatePem))
}
