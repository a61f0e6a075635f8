/**
 * All the times with one of several heads: serves it, and joins it again when it was gone, later
 * each time. A head that is the only one is served once, since only a process that ends gives back
 * all that the cards inside it had. Knows nothing of other heads.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fromPlain, toPlain } from '../base/errors.js'
import { lendCards } from './lent-cards.js'
import type { DomainEvent } from './protocol.js'
import { Rejoin } from './rejoin.js'
import { type Host, type ServeOptions, serveHead } from './serve-head.js'

export type KeepOptions = Omit<ServeOptions, 'onState'> & {
  /** Its place among the heads. */
  readonly at: number
  readonly tell: (event: DomainEvent) => void
  /** Whether the head will not change its mind, however often it is asked. */
  readonly isFinal: (error: unknown) => boolean
}

/** Resolves with the reason when the head is not to be joined any more. */
export async function keepServing(host: Host, options: KeepOptions): Promise<unknown> {
  const { at, tell, isFinal } = options
  const { config, now } = host
  const rejoin = new Rejoin()
  let cards = options.cards
  for (;;) {
    const error = await serveHead(host, {
      ...options,
      cards,
      onState: (state, text) => {
        if (state === 'ready') rejoin.ready(now())
        tell({ kind: 'state', head: at, state, text })
      },
    })
    options.onProgress(0, 0)
    if (config.heads.length === 1 || host.isLeaving()) return error
    const plain = toPlain(error)
    if (isFinal(error)) {
      tell({ kind: 'lost', head: at, error: plain, delayMs: null })
      return error
    }
    const delayMs = rejoin.ended(fromPlain(plain), now())
    tell({ kind: 'lost', head: at, error: plain, delayMs })
    await sleep(delayMs)
    if (host.isLeaving()) return error
    // In place of those that ended, with the same memory.
    cards = lendCards(config, { now, known: cards.lent })
  }
}
