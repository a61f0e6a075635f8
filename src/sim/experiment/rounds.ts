/**
 * What an experiment sends, round by round: the messages that go at once, and those that their
 * arrival lets go. Knows nothing of networks and time.
 */
import type { Message } from '../moe/network.js'

/** A message that goes some time after another has arrived. */
export type Answer = Message & { readonly afterS: number }

export type Round = {
  /** Together, when the round begins. */
  readonly messages: readonly Message[]
  /** All that will follow. */
  readonly answers: readonly Answer[]
  /** What the arrival of a message, by its place in `messages`, lets go. */
  readonly answersTo: (message: number) => readonly Answer[]
}

/** Makes the next round; what it is does not depend on how others went. */
export type Traffic = () => Round

/** The same messages in every round. */
export function repeated(messages: readonly Message[]): Traffic {
  const round: Round = { messages, answers: [], answersTo: () => [] }
  return () => round
}

export function payloadOf({ messages, answers }: Round): number {
  const bytesOf = (list: readonly Message[]): number =>
    list.reduce((sum, { bytes }) => sum + bytes, 0)
  return bytesOf(messages) + bytesOf(answers)
}
