/**
 * Where data connections come in at the head: each is brought to the node it belongs to by a ticket
 * that the head gave that node on its control connection. Knows nothing of keys.
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { SputnikError } from '../base/errors.js'
import { TICKET_BYTES } from './preamble.js'

export class DataDoor {
  readonly #expected = new Map<string, (socket: Socket) => void>()

  /** A new ticket, which is no good before `expect`. */
  newTicket(): string {
    return randomBytes(TICKET_BYTES).toString('hex')
  }

  /** The connection that shows the ticket. @throws SputnikError LINK_TIMEOUT */
  expect(ticket: string, timeoutMs: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#expected.delete(ticket)
        reject(
          new SputnikError('LINK_TIMEOUT', 'the node did not open its data connection in time'),
        )
      }, timeoutMs)
      this.#expected.set(ticket, (socket) => {
        clearTimeout(timer)
        this.#expected.delete(ticket)
        resolve(socket)
      })
    })
  }

  /** @throws SputnikError PEER_REFUSED when nobody expects it, or not any more */
  arrive(ticket: string, socket: Socket): void {
    const take = this.#expected.get(ticket)
    if (take === undefined) {
      throw new SputnikError('PEER_REFUSED', 'a data connection belongs to no node')
    }
    take(socket)
  }
}
