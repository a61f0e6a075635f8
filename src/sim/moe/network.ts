/**
 * What a step needs of a network: messages between hosts, and time. Packets and flows both offer
 * it, so that a step is played in one way, whatever carries it.
 */

export type Message = {
  /** Hosts, as the network numbers them. */
  readonly from: number
  readonly to: number
  readonly bytes: number
  /**
   * Bytes of the answer that will come back, if its size is known already: a receiver that grants
   * credit grants it with this message.
   */
  readonly replyBytes?: number
  /** Whether `to` asked for it, by a message of its own. */
  readonly isAnswer?: boolean
}

export type MessageNetwork = {
  readonly nowS: number
  /** `arrived`: all bytes are there. */
  send(message: Message, arrived: () => void): void
  after(delayS: number, act: () => void): void
  /** Until nothing is under way and nothing is planned. */
  run(): void
}
