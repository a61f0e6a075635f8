/**
 * The functions of the OpenSSL inside Node that sputnik calls, with their C prototypes (ssl.h,
 * x509.h, pem.h, err.h of OpenSSL 3). Macros of those headers are spelled out as the calls they
 * stand for. Nothing here checks arguments.
 */
import koffi from 'koffi'
import { SputnikError } from '../base/errors.js'
import type { Pointer } from './memory.js'

type Maybe = Pointer | null
/** Memory of JavaScript that is read during the call. */
type Bytes = Uint8Array

export const TLS_1_3 = 0x0304
/** Commands of SSL_CTX_ctrl. */
export const CONTROL = {
  mode: 33,
  sessionCache: 44,
  sigalgs: 98,
  clientSigalgs: 102,
  minVersion: 123,
  maxVersion: 124,
} as const
/** SSL_MODE_ENABLE_PARTIAL_WRITE, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER */
export const MODES = 1 | 2
/** SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT */
export const VERIFY_PEER = 1 | 2
/** X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME */
export const TRUST_AS_IS = 0x80000 | 0x200000
/** Results of SSL_want. */
export const WANT = { write: 2, read: 3 } as const

type OpenSsl = ReturnType<typeof bindOpenSsl>

let bound: OpenSsl | undefined

/** @throws SputnikError NODE_UNSUPPORTED */
export function openSsl(): OpenSsl {
  bound ??= bindOpenSsl()
  return bound
}

function bindOpenSsl() {
  const library = koffi.load(null)
  const fn = <F>(prototype: string): F => {
    try {
      return library.func(prototype) as unknown as F
    } catch (cause) {
      const name = /(\w+)\(/.exec(prototype)?.[1]
      throw new SputnikError('NODE_UNSUPPORTED', `this Node.js does not show ${name}`, {}, cause)
    }
  }
  return { ...bindContexts(fn), ...bindSessions(fn), ...bindCertificates(fn) }
}

type Bind = <F>(prototype: string) => F

function bindContexts(fn: Bind) {
  return {
    method: fn<() => Pointer>('void *TLS_method()'),
    newContext: fn<(method: Pointer) => Maybe>('void *SSL_CTX_new(void *method)'),
    freeContext: fn<(context: Pointer) => void>('void SSL_CTX_free(void *context)'),
    control: fn<(context: Pointer, command: number, number: number, text: string | null) => number>(
      'long SSL_CTX_ctrl(void *context, int command, long number, const char *text)',
    ),
    ciphers: fn<(context: Pointer, names: string) => number>(
      'int SSL_CTX_set_ciphersuites(void *context, const char *names)',
    ),
    tickets: fn<(context: Pointer, count: number) => number>(
      'int SSL_CTX_set_num_tickets(void *context, size_t count)',
    ),
    readBuffer: fn<(context: Pointer, bytes: number) => void>(
      'void SSL_CTX_set_default_read_buffer_len(void *context, size_t bytes)',
    ),
    verify: fn<(context: Pointer, mode: number, callback: null) => void>(
      'void SSL_CTX_set_verify(void *context, int mode, void *callback)',
    ),
    useCertificate: fn<(context: Pointer, certificate: Pointer) => number>(
      'int SSL_CTX_use_certificate(void *context, void *certificate)',
    ),
    useKey: fn<(context: Pointer, key: Pointer) => number>(
      'int SSL_CTX_use_PrivateKey(void *context, void *key)',
    ),
    store: fn<(context: Pointer) => Pointer>('void *SSL_CTX_get_cert_store(void *context)'),
    trust: fn<(store: Pointer, certificate: Pointer) => number>(
      'int X509_STORE_add_cert(void *store, void *certificate)',
    ),
    params: fn<(context: Pointer) => Pointer>('void *SSL_CTX_get0_param(void *context)'),
    setFlags: fn<(params: Pointer, flags: number) => number>(
      'int X509_VERIFY_PARAM_set_flags(void *params, unsigned long flags)',
    ),
  }
}

function bindSessions(fn: Bind) {
  return {
    newSession: fn<(context: Pointer) => Maybe>('void *SSL_new(void *context)'),
    freeSession: fn<(ssl: Pointer) => void>('void SSL_free(void *ssl)'),
    setFd: fn<(ssl: Pointer, fd: number) => number>('int SSL_set_fd(void *ssl, int fd)'),
    readAhead: fn<(ssl: Pointer, yes: number) => void>(
      'void SSL_set_read_ahead(void *ssl, int yes)',
    ),
    asServer: fn<(ssl: Pointer) => void>('void SSL_set_accept_state(void *ssl)'),
    asClient: fn<(ssl: Pointer) => void>('void SSL_set_connect_state(void *ssl)'),
    handshake: fn<(ssl: Pointer) => number>('int SSL_do_handshake(void *ssl)'),
    read: fn<(ssl: Pointer, to: Pointer, bytes: number) => number>(
      'int SSL_read(void *ssl, void *to, int bytes)',
    ),
    write: fn<(ssl: Pointer, from: Pointer, bytes: number) => number>(
      'int SSL_write(void *ssl, void *from, int bytes)',
    ),
    want: fn<(ssl: Pointer) => number>('int SSL_want(void *ssl)'),
    shutdown: fn<(ssl: Pointer) => number>('int SSL_shutdown(void *ssl)'),
    updateKey: fn<(ssl: Pointer, isBothWays: number) => number>(
      'int SSL_key_update(void *ssl, int type)',
    ),
    reader: fn<(ssl: Pointer) => Pointer>('void *SSL_get_rbio(void *ssl)'),
    bytesRead: fn<(reader: Pointer) => number | bigint>('uint64_t BIO_number_read(void *reader)'),
    verdict: fn<(ssl: Pointer) => number>('long SSL_get_verify_result(void *ssl)'),
    clearErrors: fn<() => void>('void ERR_clear_error()'),
    nextError: fn<() => number | bigint>('unsigned long ERR_get_error()'),
    errorText: fn<(code: number | bigint) => string | null>(
      'const char *ERR_reason_error_string(unsigned long code)',
    ),
  }
}

function bindCertificates(fn: Bind) {
  return {
    memory: fn<(bytes: Bytes, count: number) => Maybe>(
      'void *BIO_new_mem_buf(void *bytes, int count)',
    ),
    freeMemory: fn<(memory: Pointer) => number>('int BIO_free(void *memory)'),
    readCertificate: fn<(memory: Pointer, a: null, b: null, c: null) => Maybe>(
      'void *PEM_read_bio_X509(void *memory, void *a, void *b, void *c)',
    ),
    readKey: fn<(memory: Pointer, a: null, b: null, c: null) => Maybe>(
      'void *PEM_read_bio_PrivateKey(void *memory, void *a, void *b, void *c)',
    ),
    freeCertificate: fn<(certificate: Pointer) => void>('void X509_free(void *certificate)'),
    freeKey: fn<(key: Pointer) => void>('void EVP_PKEY_free(void *key)'),
    peerCertificate: fn<(ssl: Pointer) => Maybe>('void *SSL_get1_peer_certificate(void *ssl)'),
    /** Length of the DER form; written to `*to` when that is given. */
    encodeCertificate: fn<(certificate: Pointer, to: BigUint64Array | null) => number>(
      'int i2d_X509(void *certificate, void *to)',
    ),
  }
}
