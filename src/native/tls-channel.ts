/**
 * TLS 1.3 over a non-blocking socket, for the main thread: the sockets of Node need an event loop,
 * and none turns while a step waits for experts. Both ends prove their keys, and each trusts one
 * certificate only, given by the caller. Knows nothing of frames and of who may join.
 */
import { assert } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { Channel } from './channel.js'
import { allocateCollected, type Pointer } from './memory.js'
import { CONTROL, MODES, openSsl, TLS_1_3, TRUST_AS_IS, VERIFY_PEER, WANT } from './openssl.js'
import type { Sockets } from './sockets.js'

export type TlsOptions = {
  readonly isServer: boolean
  /** Of this end, in PEM. */
  readonly keyPem: string
  readonly certificatePem: string
  /** The one certificate that the other end may show, in PEM. */
  readonly peerCertificatePem: string
  /** Signature algorithms, as OpenSSL writes lists. */
  readonly sigalgs: string
  /** After so many a new key is taken. */
  readonly recordsPerKey?: number
}

/** AES first: every processor of the last ten years has instructions for it. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256'
/** Room for several records, so that one call of the system brings all that is there. */
const READ_BUFFER_BYTES = 1 << 16
/** RFC 8446, section 5.5: 2^24.5 records under one key are the most for AES-GCM. */
const RECORDS_PER_KEY = 1 << 23
const CERTIFICATE_BYTES_MAX = 1 << 16

export class TlsChannel implements Channel {
  readonly fd: number
  readonly #sockets: Sockets
  readonly #lib = openSsl()
  readonly #ssl: Pointer
  readonly #reader: Pointer
  readonly #recordsPerKey: number
  #isOpen = false
  /** Sent under the key in use. */
  #records = 0
  /** The last write found no room and has to be repeated as it was. */
  #isRepeating = false
  #reason = 'the connection was closed'

  /** Owns the socket from now on. @throws SputnikError NODE_UNSUPPORTED, NATIVE_FAILED */
  constructor(sockets: Sockets, fd: number, options: TlsOptions) {
    const lib = this.#lib
    this.#sockets = sockets
    this.fd = fd
    this.#recordsPerKey = options.recordsPerKey ?? RECORDS_PER_KEY
    const context = newContext(options)
    const ssl = lib.newSession(context)
    // The session keeps what it needs of the context.
    lib.freeContext(context)
    if (ssl === null) throw failure('no session')
    this.#ssl = ssl
    sockets.unblock(fd)
    lib.setFd(ssl, fd)
    this.#reader = lib.reader(ssl)
    lib.readAhead(ssl, 1)
    if (options.isServer) lib.asServer(ssl)
    else lib.asClient(ssl)
  }

  /** @throws SputnikError PEER_REFUSED */
  open(): boolean {
    if (this.#isOpen) return true
    const lib = this.#lib
    lib.clearErrors()
    const result = lib.handshake(this.#ssl)
    if (result !== 1 && this.#isWaiting()) return false
    if (result !== 1 || lib.verdict(this.#ssl) !== 0) {
      throw new SputnikError('PEER_REFUSED', `the TLS handshake failed: ${lastError()}`)
    }
    this.#isOpen = true
    return true
  }

  get bytesTaken(): number {
    return Number(this.#lib.bytesRead(this.#reader))
  }

  get reason(): string {
    return this.#reason
  }

  /** What the other end has shown, in DER; after `open`. */
  peerCertificate(): Uint8Array {
    const lib = this.#lib
    const certificate = lib.peerCertificate(this.#ssl)
    if (certificate === null) throw new SputnikError('PEER_REFUSED', 'it showed no certificate')
    const bytes = lib.encodeCertificate(certificate, null)
    assert(bytes > 0 && bytes <= CERTIFICATE_BYTES_MAX, `a certificate of ${bytes} bytes`)
    const der = allocateCollected(bytes)
    lib.encodeCertificate(certificate, BigUint64Array.of(der.address))
    lib.freeCertificate(certificate)
    return der.bytes
  }

  read(address: Pointer, bytes: number): number {
    const got = this.#lib.read(this.#ssl, address, bytes)
    if (got > 0) return got
    return this.#isWaiting() ? 0 : this.#fail()
  }

  write(address: Pointer, bytes: number): number {
    if (this.#records >= this.#recordsPerKey && !this.#isRepeating) this.#renewKey()
    const sent = this.#lib.write(this.#ssl, address, bytes)
    this.#isRepeating = sent <= 0
    if (sent <= 0) return this.#isWaiting() ? 0 : this.#fail()
    this.#records++
    return sent
  }

  close(): void {
    const lib = this.#lib
    if (this.#isOpen) lib.shutdown(this.#ssl)
    lib.freeSession(this.#ssl)
    lib.clearErrors()
    this.#sockets.close(this.fd)
  }

  /** Whether the last call would have to wait for the socket; anything else is the end. */
  #isWaiting(): boolean {
    const want = this.#lib.want(this.#ssl)
    return want === WANT.read || want === WANT.write
  }

  #fail(): -1 {
    // Errors that stayed in the queue of this thread would be taken for those of somebody else.
    this.#reason = lastError()
    // Nothing may be sent after an error, not even a farewell.
    this.#isOpen = false
    return -1
  }

  #renewKey(): void {
    this.#lib.updateKey(this.#ssl, 0)
    this.#records = 0
  }
}

function newContext(options: TlsOptions): Pointer {
  const lib = openSsl()
  lib.clearErrors()
  const context = lib.newContext(lib.method())
  if (context === null) throw failure('no context')
  const isSet =
    lib.control(context, CONTROL.minVersion, TLS_1_3, null) === 1 &&
    lib.control(context, CONTROL.maxVersion, TLS_1_3, null) === 1 &&
    lib.control(context, CONTROL.sigalgs, 0, options.sigalgs) === 1 &&
    lib.control(context, CONTROL.clientSigalgs, 0, options.sigalgs) === 1 &&
    lib.ciphers(context, CIPHERS) === 1 &&
    lib.tickets(context, 0) === 1
  if (!isSet) throw failure('an option is not taken')
  lib.control(context, CONTROL.sessionCache, 0, null)
  lib.control(context, CONTROL.mode, MODES, null)
  lib.readBuffer(context, READ_BUFFER_BYTES)
  showIdentity(context, options)
  trustOnly(context, options.peerCertificatePem)
  return context
}

function showIdentity(context: Pointer, { keyPem, certificatePem }: TlsOptions): void {
  const lib = openSsl()
  const certificate = readPem(certificatePem, lib.readCertificate)
  const key = readPem(keyPem, lib.readKey)
  const isSet = lib.useCertificate(context, certificate) === 1 && lib.useKey(context, key) === 1
  lib.freeCertificate(certificate)
  lib.freeKey(key)
  if (!isSet) throw failure('key and certificate are not taken')
}

/** Dates and names in a certificate mean nothing; the key is what counts. */
function trustOnly(context: Pointer, certificatePem: string): void {
  const lib = openSsl()
  const certificate = readPem(certificatePem, lib.readCertificate)
  const isTrusted = lib.trust(lib.store(context), certificate) === 1
  lib.freeCertificate(certificate)
  if (!isTrusted) throw failure('the certificate of the peer is not taken')
  lib.setFlags(lib.params(context), TRUST_AS_IS)
  lib.verify(context, VERIFY_PEER, null)
}

type PemReader = (memory: Pointer, a: null, b: null, c: null) => Pointer | null

function readPem(pem: string, read: PemReader): Pointer {
  const lib = openSsl()
  const bytes = new TextEncoder().encode(pem)
  const memory = lib.memory(bytes, bytes.length)
  if (memory === null) throw failure('no memory')
  const result = read(memory, null, null, null)
  lib.freeMemory(memory)
  if (result === null) throw failure('a key or certificate cannot be read')
  return result
}

function failure(what: string): SputnikError {
  return new SputnikError('NATIVE_FAILED', `TLS cannot be set up: ${what}: ${lastError()}`)
}

/** The reason OpenSSL gives, once. */
function lastError(): string {
  const lib = openSsl()
  const text = lib.errorText(lib.nextError())
  lib.clearErrors()
  return text ?? 'the connection was closed'
}
