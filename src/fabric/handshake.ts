/**
 * The two ends of the handshake as state machines: what comes in, what goes out, how it ended. They
 * know neither sockets nor clocks, and whether a node may join is asked of an `Admission`.
 */
import { ERRORS, type ErrorCode, SputnikError } from '../base/errors.js'
import { PROTOCOL_VERSION } from './frame.js'
import {
  checkMessage,
  checkProtocol,
  type HandshakeMessage,
  type Join,
  joinSchema,
  type Refused,
  refusedSchema,
  type Welcome,
  welcomeSchema,
} from './handshake-messages.js'

export type HandshakeState<T> =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'done'; readonly result: T }
  | { readonly kind: 'failed'; readonly error: SputnikError }

/** One end; `now` is any clock in milliseconds that only grows. */
export type Handshake<T> = {
  readonly state: HandshakeState<T>
  /** Takes a decoded message that nobody checked; ignores it once the state is final. */
  receive(message: unknown): void
  /** Ends the handshake when the bytes that came make no message. */
  fail(error: SputnikError): void
  tick(now: number): void
  /** What is to be sent, each message once; also the reason of a refusal. */
  takeOutbox(): HandshakeMessage[]
}

/** Reasons a stranger may know; other errors tell of the head's files. */
const TOLD: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'FRAME_INVALID',
  'JOIN_KEY_EXPIRED',
  'JOIN_KEY_REQUIRED',
  'JOIN_KEY_UNKNOWN',
  'JOIN_KEY_USED',
  'LINK_TIMEOUT',
  'MODEL_MISMATCH',
  'NODE_EVICTED',
  'PROTOCOL_MISMATCH',
])

type Deadline = { readonly now: number; readonly timeoutMs: number }

export type JoinHandshakeOptions = Deadline & {
  readonly join: Omit<Join, 'type' | 'protocol'>
}

/** The node's end. */
export class JoinHandshake implements Handshake<Welcome> {
  readonly #deadline: number
  #state: HandshakeState<Welcome> = { kind: 'waiting' }
  #outbox: HandshakeMessage[]

  constructor({ join, now, timeoutMs }: JoinHandshakeOptions) {
    this.#deadline = now + timeoutMs
    this.#outbox = [{ type: 'join', protocol: PROTOCOL_VERSION, ...join }]
  }

  get state(): HandshakeState<Welcome> {
    return this.#state
  }

  receive(message: unknown): void {
    if (this.#state.kind !== 'waiting') return
    try {
      this.#state = { kind: 'done', result: readAnswer(message) }
    } catch (error) {
      this.fail(toSputnikError(error))
    }
  }

  fail(error: SputnikError): void {
    if (this.#state.kind === 'waiting') this.#state = { kind: 'failed', error }
  }

  tick(now: number): void {
    if (now >= this.#deadline) this.fail(late('the head did not answer in time'))
  }

  takeOutbox(): HandshakeMessage[] {
    return this.#outbox.splice(0)
  }
}

export type AdmissionRequest = {
  readonly nodeId: string
  /** True when the link proves that `nodeId` is the peer's. */
  readonly isProven: boolean
  readonly name: string
  readonly key: Join['key']
}

/** Who may join. Both throw a SputnikError that names the reason. */
export type Admission = {
  /** Changes nothing. */
  check(request: AdmissionRequest): void
  /** Uses up what a join uses up and remembers the node. */
  commit(request: AdmissionRequest): void
}

export type Admitted = {
  readonly nodeId: string
  readonly join: Join
}

export type HeadHandshakeOptions = Deadline & {
  readonly welcome: Omit<Welcome, 'type' | 'protocol'>
  /** Node id the link proved; null on a plain link, where the node's word is taken for it. */
  readonly peerId: string | null
  readonly admission: Admission
}

/** The head's end. */
export class HeadHandshake implements Handshake<Admitted> {
  readonly #options: HeadHandshakeOptions
  #state: HandshakeState<Admitted> = { kind: 'waiting' }
  #outbox: HandshakeMessage[] = []

  constructor(options: HeadHandshakeOptions) {
    this.#options = options
  }

  get state(): HandshakeState<Admitted> {
    return this.#state
  }

  receive(message: unknown): void {
    if (this.#state.kind !== 'waiting') return
    try {
      const result = this.#admit(message)
      this.#outbox.push({
        type: 'welcome',
        protocol: PROTOCOL_VERSION,
        ...this.#options.welcome,
      })
      this.#state = { kind: 'done', result }
    } catch (error) {
      this.fail(toSputnikError(error))
    }
  }

  fail(error: SputnikError): void {
    if (this.#state.kind !== 'waiting') return
    this.#state = { kind: 'failed', error }
    this.#outbox.push(toRefused(error))
  }

  tick(now: number): void {
    const { now: start, timeoutMs } = this.#options
    if (now >= start + timeoutMs) this.fail(late('the node did not say in time who it is'))
  }

  takeOutbox(): HandshakeMessage[] {
    return this.#outbox.splice(0)
  }

  /** The model is compared between the two steps: only nodes that may join learn of it, and a
   * wrong model uses up no key. */
  #admit(message: unknown): Admitted {
    const { peerId, admission, welcome } = this.#options
    checkProtocol(message)
    const join = checkMessage(message, joinSchema)
    const nodeId = peerId ?? join.nodeId
    const request = { nodeId, isProven: peerId !== null, name: join.name, key: join.key }
    if (join.nodeId !== nodeId) {
      throw new SputnikError('FRAME_INVALID', 'a handshake message is wrong: nodeId')
    }
    admission.check(request)
    if (join.modelHash !== null && join.modelHash !== welcome.modelHash) {
      throw new SputnikError('MODEL_MISMATCH', 'the node has another model than the head serves')
    }
    admission.commit(request)
    return { nodeId, join }
  }
}

/** @throws SputnikError the head's reason, PROTOCOL_MISMATCH, FRAME_INVALID */
function readAnswer(message: unknown): Welcome {
  const refused = refusedSchema.safeParse(message)
  if (refused.success) throw fromRefused(refused.data)
  checkProtocol(message)
  return checkMessage(message, welcomeSchema)
}

function toRefused({ code, message }: SputnikError): Refused {
  if (TOLD.has(code)) return { type: 'refused', code, message: message.slice(0, 1024) }
  return { type: 'refused', code: 'JOIN_REFUSED', message: 'the head has a fault; see its log' }
}

/** A head of a later version may have reasons that this one has no name for. */
function fromRefused({ code, message }: Refused): SputnikError {
  const known: ErrorCode = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'JOIN_REFUSED'
  return new SputnikError(known, `the head refused this node: ${printable(message)}`)
}

/** What a stranger sends must not steer a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}

function toSputnikError(error: unknown): SputnikError {
  if (error instanceof SputnikError) return error
  throw error
}

function late(text: string): SputnikError {
  return new SputnikError('LINK_TIMEOUT', text)
}
