/**
 * The receiver's ledger of one connection: what a peer wants to send, what it was granted and what
 * became of that. Always: granted = arrived + outstanding + written off + forfeited. Pure counting;
 * knows nothing of windows and of other peers.
 */
import { SputnikError } from '../base/errors.js'
import type { Grant, Want } from './credit-message.js'
import { RoundTrip } from './link-estimate.js'

/** Most transfers of one connection that are asked for and not finished. */
export const TRANSFERS_MAX = 1024

export class CreditAccount {
  readonly peer: number
  readonly generation: number
  readonly roundTrip = new RoundTrip()
  /** Bytes still to come of every transfer asked for. */
  readonly #transfers = new Map<number, number>()
  #remaining = 0
  #granted = 0
  #arrived = 0
  #forfeited = 0
  #writtenOff = 0
  /** Bytes that came without credit. */
  excessBytes = 0
  /** Whether the peer has shown, by data or a want, that it is ready to send. */
  isFlowing = false
  isQueued = false
  isRefreshed = false
  /** When credit was last granted, used or given back. */
  movedUs: number

  constructor({ peer, generation }: { peer: number; generation: number }, nowUs: number) {
    this.peer = peer
    this.generation = generation
    this.movedUs = nowUs
  }

  /** Granted bytes that may still arrive and count against the window. */
  get outstanding(): number {
    return this.#granted - this.#arrived - this.#forfeited - this.#writtenOff
  }

  get arrivedBytes(): number {
    return this.#arrived
  }

  get grantedBytes(): number {
    return this.#granted
  }

  get forfeitedBytes(): number {
    return this.#forfeited
  }

  /** Credit whose lease ended: it counts no more, but the peer has not said what became of it. */
  get writtenOffBytes(): number {
    return this.#writtenOff
  }

  /** Bytes asked for that have not arrived. */
  get remaining(): number {
    return this.#remaining
  }

  /** Bytes asked for and covered by no credit. */
  get needBytes(): number {
    return Math.max(0, this.#remaining - this.outstanding - this.#writtenOff)
  }

  get unfinished(): number[] {
    return [...this.#transfers.keys()]
  }

  /**
   * Notes a transfer of so many bytes to come; of one that is known, no fewer than are known.
   * @throws SputnikError FRAME_INVALID when there are too many
   */
  expect(transfer: number, bytes: number): void {
    const known = this.#transfers.get(transfer)
    if (bytes <= (known ?? 0)) return
    if (known === undefined && this.#transfers.size >= TRANSFERS_MAX) {
      throw new SputnikError('FRAME_INVALID', `peer ${this.peer} has too many transfers under way`)
    }
    this.#transfers.set(transfer, bytes)
    this.#remaining += bytes - (known ?? 0)
  }

  /** False for a want of a transfer that is through by now. @throws as `expect` does */
  want({ transfer, bytes, endBytes }: Want): boolean {
    const left = Math.min(bytes, endBytes - this.#arrived)
    if (left <= 0) return false
    this.expect(transfer, left)
    return true
  }

  grant(bytes: number, nowUs: number): void {
    this.#granted += bytes
    this.#move(nowUs)
  }

  /** What arrives late comes out of what was written off. */
  arrive({ transfer, bytes }: { transfer: number; bytes: number }, nowUs: number): void {
    const credited = Math.min(bytes, this.outstanding + this.#writtenOff)
    this.excessBytes += bytes - credited
    this.#writtenOff -= Math.min(this.#writtenOff, credited)
    this.#arrived += credited
    this.#move(nowUs)
    this.#progress(transfer, bytes)
  }

  /**
   * @param total of the whole connection; not more than known is late news: false, nothing changed
   * @throws SputnikError FRAME_INVALID when the peer gives back what it does not have
   */
  forfeit(total: number, nowUs: number): boolean {
    const bytes = total - this.#forfeited
    if (bytes <= 0) return false
    if (bytes > this.outstanding + this.#writtenOff) {
      throw new SputnikError('FRAME_INVALID', `peer ${this.peer} forfeits more than it was granted`)
    }
    this.#writtenOff -= Math.min(this.#writtenOff, bytes)
    this.#forfeited = total
    this.#move(nowUs)
    return true
  }

  /** The lease ended in silence. */
  writeOff(): void {
    this.#writtenOff += this.outstanding
  }

  /** Nothing more is to come of a transfer, whatever was expected. */
  finish(transfer: number): void {
    this.#remaining -= this.#transfers.get(transfer) ?? 0
    this.#transfers.delete(transfer)
  }

  message(leaseUs: number): Grant {
    return {
      kind: 'grant',
      generation: this.generation,
      grantedBytes: this.#granted,
      leaseUs,
    }
  }

  #progress(transfer: number, bytes: number): void {
    const left = this.#transfers.get(transfer)
    if (left === undefined) return
    if (bytes >= left) {
      this.finish(transfer)
      return
    }
    this.#transfers.set(transfer, left - bytes)
    this.#remaining -= bytes
  }

  #move(nowUs: number): void {
    this.movedUs = nowUs
    this.isRefreshed = false
  }
}
