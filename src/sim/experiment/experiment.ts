/** One experiment with everything decided: a network, what sends over it, and what is sent. */
import type { ModelShape } from '../../plan/model/shape.js'
import type { MoeLayout } from '../moe/moe-step.js'
import { HEADER_BYTES } from '../net/packet.js'
import type { Multipath } from '../net/path-choice.js'
import type { Pattern } from './fields.js'
import { type Network, pathOf } from './network-shape.js'
import type { TransportName } from './transports.js'

export type MoeWorkload = {
  readonly kind: 'moe'
  readonly shape: ModelShape
  readonly layout: MoeLayout
  /** Of a step, over all hosts. */
  readonly tokens: number
  /** Of each domain. */
  readonly cards: number
  readonly card: string
}

export type Workload = Pattern | MoeWorkload

export type Experiment = {
  readonly network: Network
  /** Of a full packet: payload and headers. */
  readonly mtuBytes: number
  /** Room of each port's queue in a switch. */
  readonly bufferBytes: number
  readonly transport: TransportName
  readonly spray: Multipath
  /** Whether switches mark; a number is the queue's length from which they mark everything. */
  readonly ecn: boolean | number
  readonly trim: boolean
  readonly pfc: boolean
  /** Least time-out; absent: the transport's own. */
  readonly leastTimeoutS?: number
  readonly workload: Workload
  /** Of each message; those of a model's layers have their own. */
  readonly bytes: number
  readonly rounds: number
  readonly seed: number
  readonly untilS: number
}

export function payloadBytesOf({ mtuBytes }: Experiment): number {
  return mtuBytes - HEADER_BYTES
}

/** There and back on the longest path of an idle network, with a full packet and a header. */
export function roundTripS({ network, mtuBytes }: Experiment): number {
  const { links, bytesPerSecond, delayS } = pathOf(network)
  return links * (2 * delayS + (mtuBytes + HEADER_BYTES) / bytesPerSecond)
}
