/**
 * The two ends of any handshake as state machines: one asks, the other answers or refuses. They
 * know neither sockets nor clocks, nor what is asked.
 */
import { ERRORS, type ErrorCode, SputnikError } from '../base/errors.js'
import { PROTOCOL_VERSION } from './frame.js'
import {
  checkProtocol,
  type HandshakeMessage,
  type Refused,
  refusedSchema,
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

export type Deadline = { readonly now: number; readonly timeoutMs: number }

/** Without what all messages of this version say. */
type Unsent<M extends HandshakeMessage> = M extends { protocol: number } ? Omit<M, 'protocol'> : M

/** Reasons a stranger may know; other errors tell of the head's files. */
const TOLD: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'FLEET_FULL',
  'FRAME_INVALID',
  'HEAD_NOT_READY',
  'JOIN_KEY_EXPIRED',
  'JOIN_KEY_REQUIRED',
  'JOIN_KEY_UNKNOWN',
  'JOIN_KEY_USED',
  'LINK_TIMEOUT',
  'MODEL_MISMATCH',
  'NODE_EVICTED',
  'NODE_KEPT_OUT',
  'PROTOCOL_MISMATCH',
])

abstract class End<T> implements Handshake<T> {
  readonly #deadline: number
  readonly #late: string
  #state: HandshakeState<T> = { kind: 'waiting' }
  protected readonly outbox: HandshakeMessage[] = []

  constructor({ now, timeoutMs, late }: Deadline & { readonly late: string }) {
    this.#deadline = now + timeoutMs
    this.#late = late
  }

  get state(): HandshakeState<T> {
    return this.#state
  }

  receive(message: unknown): void {
    if (this.#state.kind !== 'waiting') return
    try {
      this.#state = { kind: 'done', result: this.take(message) }
    } catch (error) {
      if (!(error instanceof SputnikError)) throw error
      this.fail(error)
    }
  }

  fail(error: SputnikError): void {
    if (this.#state.kind !== 'waiting') return
    this.#state = { kind: 'failed', error }
    this.onFail(error)
  }

  tick(now: number): void {
    if (now >= this.#deadline) this.fail(new SputnikError('LINK_TIMEOUT', this.#late))
  }

  takeOutbox(): HandshakeMessage[] {
    return this.outbox.splice(0)
  }

  /** What the message makes of the handshake. @throws SputnikError to end it */
  protected abstract take(message: unknown): T

  protected abstract onFail(error: SputnikError): void
}

export type AskingOptions<T> = Deadline & {
  readonly message: Unsent<HandshakeMessage>
  /** What a good answer looks like. @throws SputnikError FRAME_INVALID */
  readonly read: (answer: unknown) => T
}

/** The node's end: says who it is and waits for the answer. */
export class AskingEnd<T> extends End<T> {
  readonly #read: (answer: unknown) => T

  constructor({ message, read, ...deadline }: AskingOptions<T>) {
    super({ ...deadline, late: 'the head did not answer in time' })
    this.#read = read
    this.outbox.push({ protocol: PROTOCOL_VERSION, ...message } as HandshakeMessage)
  }

  /** @throws SputnikError the head's reason, PROTOCOL_MISMATCH, FRAME_INVALID */
  protected take(answer: unknown): T {
    const refused = refusedSchema.safeParse(answer)
    if (refused.success) throw fromRefused(refused.data)
    checkProtocol(answer)
    return this.#read(answer)
  }

  protected onFail(): void {}
}

export type Answer<T> = { readonly result: T; readonly reply: Unsent<HandshakeMessage> }

export type AnsweringOptions<T> = Deadline & {
  /** @throws SputnikError why not */
  readonly answer: (message: unknown) => Answer<T>
}

/** The head's end: waits for a node and lets it in or says why not. */
export class AnsweringEnd<T> extends End<T> {
  readonly #answer: (message: unknown) => Answer<T>

  constructor({ answer, ...deadline }: AnsweringOptions<T>) {
    super({ ...deadline, late: 'the node did not say in time who it is' })
    this.#answer = answer
  }

  protected take(message: unknown): T {
    checkProtocol(message)
    const { result, reply } = this.#answer(message)
    this.outbox.push({ protocol: PROTOCOL_VERSION, ...reply } as HandshakeMessage)
    return result
  }

  protected onFail(error: SputnikError): void {
    this.outbox.push(toRefused(error))
  }
}

/** The node that a message comes from, by the key it proved where it did. @throws FRAME_INVALID */
export function nodeOf({ nodeId }: { nodeId: string }, peerId: string | null): string {
  if (peerId === null || peerId === nodeId) return nodeId
  throw new SputnikError('FRAME_INVALID', 'a handshake message is wrong: nodeId')
}

/** Of what else is wrong with the head the node hears nothing. */
export function toRefused({ code, message, details: { seconds } }: SputnikError): Refused {
  if (TOLD.has(code)) {
    const isTold = typeof seconds === 'number'
    return { type: 'refused', code, message: message.slice(0, 1024), ...(isTold && { seconds }) }
  }
  return { type: 'refused', code: 'JOIN_REFUSED', message: 'the head has a fault; see its log' }
}

/** A head of a later version may have reasons that this one has no name for. */
export function fromRefused({ code, message, seconds }: Refused): SputnikError {
  const known: ErrorCode = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'JOIN_REFUSED'
  const text = `the head refused this node: ${printable(message)}`
  return new SputnikError(known, text, seconds === undefined ? {} : { seconds })
}

/** What a stranger sends must not steer a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}
