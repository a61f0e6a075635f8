/**
 * How a connection for pages is opened, as state machines: by a node that the head let in before,
 * at the head's port or at that of another node. Which handshake a connection begins with is told
 * by its first message.
 */
import { SputnikError } from '../base/errors.js'
import { type Admitted, HeadHandshake, type HeadHandshakeOptions } from './handshake.js'
import {
  type Answer,
  AnsweringEnd,
  AskingEnd,
  type Deadline,
  type Handshake,
  nodeOf,
} from './handshake-ends.js'
import {
  checkMessage,
  type Pages,
  type PagesWelcome,
  pagesSchema,
  pagesWelcomeSchema,
} from './handshake-messages.js'

/** What is served, and to whom. */
export type PagesDoor = {
  /** Null before the model is known. */
  readonly serves: (Omit<PagesWelcome, 'type' | 'protocol'> & { modelHash: string }) | null
  /** @throws SputnikError why the node is refused */
  check(nodeId: string): void
}

export type PagesAdmitted = { readonly nodeId: string; readonly pages: Pages }

export type PagesHandshakeOptions = Deadline & {
  /** As in `HeadHandshakeOptions`. */
  readonly peerId: string | null
  readonly door: PagesDoor
}

/** The end that serves pages. */
export class PagesHandshake extends AnsweringEnd<PagesAdmitted> {
  constructor(options: PagesHandshakeOptions) {
    super({ ...options, answer: (message) => admit(message, options) })
  }
}

/** The end that wants pages. */
export class OpenPagesHandshake extends AskingEnd<PagesWelcome> {
  constructor({ pages, ...deadline }: Deadline & { pages: Omit<Pages, 'type' | 'protocol'> }) {
    super({
      ...deadline,
      message: { type: 'pages', ...pages },
      read: (answer) => checkMessage(answer, pagesWelcomeSchema),
    })
  }
}

export type EntranceOptions = HeadHandshakeOptions & { readonly door: PagesDoor }

/** The head's end of whatever handshake comes. */
export class Entrance implements Handshake<Admitted | PagesAdmitted> {
  readonly #options: EntranceOptions
  #chosen: Handshake<Admitted | PagesAdmitted>

  constructor(options: EntranceOptions) {
    this.#options = options
    this.#chosen = new HeadHandshake(options)
  }

  get state() {
    return this.#chosen.state
  }

  receive(message: unknown): void {
    const isFirst = this.#chosen.state.kind === 'waiting'
    if (isFirst && isForPages(message)) this.#chosen = new PagesHandshake(this.#options)
    this.#chosen.receive(message)
  }

  fail(error: SputnikError): void {
    this.#chosen.fail(error)
  }

  tick(now: number): void {
    this.#chosen.tick(now)
  }

  takeOutbox() {
    return this.#chosen.takeOutbox()
  }
}

function isForPages(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'type' in message
    ? message.type === 'pages'
    : false
}

function admit(message: unknown, { peerId, door }: PagesHandshakeOptions): Answer<PagesAdmitted> {
  const pages = checkMessage(message, pagesSchema)
  const nodeId = nodeOf(pages, peerId)
  door.check(nodeId)
  if (door.serves === null) {
    throw new SputnikError('HEAD_NOT_READY', 'the head has not read all of its model yet')
  }
  const { modelHash, manifestBytes, regionsInUse } = door.serves
  if (pages.modelHash !== modelHash) {
    throw new SputnikError('MODEL_MISMATCH', 'the pages of another model are served here')
  }
  return {
    result: { nodeId, pages },
    reply: { type: 'pages', manifestBytes, regionsInUse },
  }
}
