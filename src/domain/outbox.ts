/** What a domain wants done, in order: frames to send, pages to ask for, cards to start again. */
import { type About, controlFrame, type PageAt } from '../fabric/control.js'
import type { FrameKind } from '../fabric/frame.js'
import type { ReceivedFrame } from '../fabric/link.js'

/** As `Supply` takes them. */
export type SupplyOrder = 'want' | 'release' | 'reject'

export type DomainMessage =
  | { readonly to: 'head'; readonly frame: ReceivedFrame }
  | { readonly to: 'card'; readonly card: number; readonly frame: ReceivedFrame }
  /** End what is left of the card and start a new one in its place. */
  | { readonly to: 'restart'; readonly card: number }
  | { readonly to: SupplyOrder; readonly pages: readonly PageAt[] }

export class Outbox {
  #messages: DomainMessage[] = []

  take(): DomainMessage[] {
    const messages = this.#messages
    this.#messages = []
    return messages
  }

  toHead(frame: ReceivedFrame): void {
    this.#messages.push({ to: 'head', frame })
  }

  tellHead(kind: FrameKind, message: unknown, about?: About): void {
    const buffer = controlFrame(kind, message, about)
    this.toHead({ buffer, bytes: buffer.bytes.length })
  }

  toCard(card: number, frame: ReceivedFrame): void {
    this.#messages.push({ to: 'card', card, frame })
  }

  tellCard(card: number, kind: FrameKind, message: unknown): void {
    const buffer = controlFrame(kind, message)
    this.toCard(card, { buffer, bytes: buffer.bytes.length })
  }

  restart(card: number): void {
    this.#messages.push({ to: 'restart', card })
  }

  supply(to: SupplyOrder, pages: readonly PageAt[]): void {
    if (pages.length > 0) this.#messages.push({ to, pages })
  }
}
