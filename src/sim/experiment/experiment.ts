/**
 * One experiment with everything decided: a network, what sends over it, and what is sent. Knows
 * what stands for a field that was left out, and which fields do not go together.
 */
import { SputnikError } from '../../base/errors.js'
import { HEADER_BYTES } from '../net/packet.js'
import type { Multipath } from '../net/path-choice.js'
import { DEFAULTS } from './defaults.js'
import type { Fields } from './fields.js'
import { refuseUnfit } from './fit.js'
import { type Network, networkOf, pathOf, refuseLargeNetwork } from './network-shape.js'
import { TRANSPORTS, type TransportName } from './transports.js'
import { hostsNeeded, messageCount, packetCount, type Workload, workloadOf } from './workload.js'

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

const MESSAGES_MAX = 1 << 20
/** What transports keep grows with the packets of all flows. */
const PACKETS_MAX = 5e7

/**
 * @throws SputnikError EXPERIMENT_UNFIT for fields that do not go together, SIM_TOO_LARGE
 */
export function makeExperiment(fields: Fields, transport: TransportName): Experiment {
  const { isMarkReader, isTrimReader, isLossless, isOrderFree } = TRANSPORTS[transport]
  refuseUnfit(fields, transport)
  const workload = workloadOf(fields)
  const experiment: Experiment = {
    network: networkOf(fields, hostsNeeded(workload)),
    mtuBytes: fields.mtu ?? DEFAULTS.mtu,
    bufferBytes: fields.buffer ?? DEFAULTS.buffer,
    transport,
    spray: chosen(fields.spray, isOrderFree ? 'packet' : 'flow'),
    ecn: typeof fields.ecn === 'number' ? fields.ecn : isOn(fields.ecn, isMarkReader),
    trim: isOn(fields.trim, isTrimReader),
    pfc: isOn(fields.pfc, isLossless),
    ...(fields.rto === undefined ? {} : { leastTimeoutS: fields.rto }),
    workload,
    bytes: fields.bytes ?? DEFAULTS.bytes,
    rounds: fields.rounds ?? (workload.kind === 'moe' ? workload.shape.moeLayers : 1),
    seed: fields.seed ?? 1,
    untilS: fields.until ?? DEFAULTS.until,
  }
  refuseTooLarge(experiment)
  return experiment
}

export function payloadBytesOf({ mtuBytes }: Experiment): number {
  return mtuBytes - HEADER_BYTES
}

/** There and back on the longest path of an idle network, with a full packet and a header. */
export function roundTripS({ network, mtuBytes }: Experiment): number {
  const { links, bytesPerSecond, delayS } = pathOf(network)
  return links * (2 * delayS + (mtuBytes + HEADER_BYTES) / bytesPerSecond)
}

function chosen<T extends string>(said: T | 'auto' | undefined, otherwise: T): T {
  return said === undefined || said === 'auto' ? otherwise : said
}

function isOn(said: 'auto' | 'on' | 'off' | undefined, otherwise: boolean): boolean {
  return said === undefined || said === 'auto' ? otherwise : said === 'on'
}

function refuseTooLarge(experiment: Experiment): void {
  const { rounds, network } = experiment
  refuseLargeNetwork(network)
  const messages = messageCount(experiment) * rounds
  if (messages > MESSAGES_MAX) {
    throw new SputnikError('SIM_TOO_LARGE', `${messages} messages; at most ${MESSAGES_MAX}`)
  }
  const packets = packetCount(experiment) * rounds
  if (packets > PACKETS_MAX) {
    throw new SputnikError('SIM_TOO_LARGE', `${packets} packets to send; at most ${PACKETS_MAX}`)
  }
}
