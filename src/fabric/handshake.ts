/**
 * How a node joins a head, as state machines: what comes in, what goes out, how it ended. They know
 * neither sockets nor clocks, and whether a node may join is asked of an `Admission`.
 */
import { SputnikError } from '../base/errors.js'
import { type Answer, AnsweringEnd, AskingEnd, type Deadline, nodeOf } from './handshake-ends.js'
import {
  checkMessage,
  type Join,
  joinSchema,
  type Welcome,
  welcomeSchema,
} from './handshake-messages.js'

export type { Handshake } from './handshake-ends.js'

export type JoinHandshakeOptions = Deadline & {
  readonly join: Omit<Join, 'type' | 'protocol'>
}

/** The node's end. */
export class JoinHandshake extends AskingEnd<Welcome> {
  constructor({ join, ...deadline }: JoinHandshakeOptions) {
    super({
      ...deadline,
      message: { type: 'join', ...join },
      read: (answer) => checkMessage(answer, welcomeSchema),
    })
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

/** What the head says of itself; it has no hash of its model before it has read all of it. */
export type HeadWelcome = Omit<Welcome, 'type' | 'protocol' | 'modelHash'> & {
  readonly modelHash: string | null
}

export type Admitted = {
  readonly nodeId: string
  readonly join: Join
}

export type HeadHandshakeOptions = Deadline & {
  readonly welcome: HeadWelcome
  /** Node id the link proved; null on a plain link, where the node's word is taken for it. */
  readonly peerId: string | null
  readonly admission: Admission
}

/** The head's end. */
export class HeadHandshake extends AnsweringEnd<Admitted> {
  constructor(options: HeadHandshakeOptions) {
    super({ ...options, answer: (message) => admit(message, options) })
  }
}

/** The model is compared between the two steps: only nodes that may join learn of it, and a wrong
 * model uses up no key. */
function admit(
  message: unknown,
  { peerId, admission, welcome }: HeadHandshakeOptions,
): Answer<Admitted> {
  const join = checkMessage(message, joinSchema)
  const nodeId = nodeOf(join, peerId)
  const request = { nodeId, isProven: peerId !== null, name: join.name, key: join.key }
  admission.check(request)
  const modelHash = sameModel(join.modelHash, welcome.modelHash)
  admission.commit(request)
  return { result: { nodeId, join }, reply: { type: 'welcome', ...welcome, modelHash } }
}

/** @throws SputnikError HEAD_NOT_READY, MODEL_MISMATCH */
function sameModel(ofNode: string | null, ofHead: string | null): string {
  if (ofHead === null) {
    throw new SputnikError('HEAD_NOT_READY', 'the head has not read all of its model yet')
  }
  if (ofNode === null || ofNode === ofHead) return ofHead
  throw new SputnikError('MODEL_MISMATCH', 'the node has another model than the head serves')
}
