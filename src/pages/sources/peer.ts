/**
 * Pages from another node that holds them, in pieces small enough to share a link with dispatches.
 * Knows nothing of links: it is given a function that asks.
 */
import { reasonOf } from '../../base/errors.js'
import { abortable } from '../abortable.js'
import type { PageRef } from '../manifest.js'
import type { PageSource } from '../page-source.js'
import { sourceFailed } from '../page-source.js'

/** Part of a page; rejects when the peer refuses or is lost. */
export type AskPeer = (
  page: PageRef,
  range: { readonly offset: number; readonly length: number; readonly signal: AbortSignal },
) => Promise<Uint8Array>

export type PeerSourceOptions = {
  readonly name: string
  readonly ask: AskPeer
  /** What the peer has said it holds; by default everything. */
  readonly holds?: ((page: PageRef) => boolean) | undefined
  readonly pieceBytes?: number | undefined
  /** Pieces of one page asked for at a time. */
  readonly piecesAtOnce?: number | undefined
  /** For one piece. */
  readonly deadlineMs?: number | undefined
}

const PIECE_BYTES = 256 << 10
const PIECES_AT_ONCE = 4
const DEADLINE_MS = 20_000

export class PeerSource implements PageSource {
  readonly name: string
  readonly #options: PeerSourceOptions

  constructor(options: PeerSourceOptions) {
    this.name = options.name
    this.#options = options
  }

  has(page: PageRef): boolean {
    return this.#options.holds?.(page) ?? true
  }

  async read(page: PageRef, signal: AbortSignal): Promise<Uint8Array> {
    const bytes = new Uint8Array(page.bytes)
    const { pieceBytes = PIECE_BYTES, piecesAtOnce = PIECES_AT_ONCE } = this.#options
    // When one piece fails, the others of the page are of no use.
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    let next = 0
    const askOn = async (): Promise<void> => {
      while (next < page.bytes) {
        const offset = next
        next += pieceBytes
        const length = Math.min(pieceBytes, page.bytes - offset)
        bytes.set(await this.#ask(page, { offset, length, signal: either }), offset)
      }
    }
    try {
      await Promise.all(Array.from({ length: piecesAtOnce }, askOn))
      return bytes
    } catch (error) {
      stop.abort(error)
      signal.throwIfAborted()
      throw sourceFailed(this.name, reasonOf(error), error)
    }
  }

  async #ask(
    page: PageRef,
    { offset, length, signal }: { offset: number; length: number; signal: AbortSignal },
  ): Promise<Uint8Array> {
    const { ask, deadlineMs = DEADLINE_MS } = this.#options
    const deadline = AbortSignal.timeout(deadlineMs)
    const asked = ask(page, { offset, length, signal: AbortSignal.any([signal, deadline]) })
    // The other side may not look at the signal.
    const bytes = await abortable(abortable(asked, signal), deadline)
    if (bytes.length === length) return bytes
    throw new Error(`it answered ${bytes.length} bytes where ${length} were asked for`)
  }
}
