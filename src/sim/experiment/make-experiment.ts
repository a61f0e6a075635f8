/**
 * Decides an experiment: what stands for a field that was left out, and which fields do not go
 * together.
 */
import { SputnikError } from '../../base/errors.js'
import { DEFAULTS } from './defaults.js'
import type { Experiment } from './experiment.js'
import type { Fields, Switching } from './fields.js'
import { refuseUnfit } from './fit.js'
import { networkOf, refuseLargeNetwork } from './network-shape.js'
import { TRANSPORTS, type TransportName } from './transports.js'
import { hostsNeeded, messageCount, packetCount, workloadOf } from './workload.js'

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

function chosen<T extends string>(said: T | 'auto' | undefined, otherwise: T): T {
  return said === undefined || said === 'auto' ? otherwise : said
}

function isOn(said: Switching | undefined, otherwise: boolean): boolean {
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
