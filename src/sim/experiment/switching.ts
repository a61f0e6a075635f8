/** How the switches of an experiment treat their queues. */
import { HEADER_BYTES } from '../net/packet.js'
import type { PauseThresholds, SwitchOptions } from '../net/switch-options.js'
import { type EcnMarking, markAbove, pauseHeadroomBytes } from '../net/switch-options.js'
import { type Experiment, roundTripS } from './experiment.js'
import { fastestOf, portsOf } from './network-shape.js'

/** DCTCP's at 1 Gb/s, where bursts and not the round trip decide (section 3.5). */
const MARK_PACKETS = 20
/** DCQCN's paper, section 4: thresholds at 40 Gb/s. */
const DCQCN_MARKS = { minBytes: 5_000, maxBytes: 200_000, maxChance: 0.01 }
const DCQCN_RATE = 5e9

export function switchOptionsOf(experiment: Experiment): SwitchOptions {
  const { bufferBytes, ecn, trim, pfc } = experiment
  const marking = ecn === false ? {} : { ecn: markingOf(experiment, ecn) }
  if (pfc) return { ...losslessOf(experiment), ...marking }
  // NDP, section 3.1: headers have as much room as packets.
  const trimming = trim ? { trim: { urgentBytes: bufferBytes, isReturning: true } } : {}
  return { bufferBytes, ...marking, ...trimming }
}

function markingOf(experiment: Experiment, ecn: true | number): EcnMarking {
  if (typeof ecn === 'number') return markAbove(ecn)
  const { bytesPerSecond } = experiment.network
  if (experiment.transport !== 'dcqcn') return markAbove(stepBytes(experiment))
  const factor = bytesPerSecond / DCQCN_RATE
  const { minBytes, maxBytes, maxChance } = DCQCN_MARKS
  return { minBytes: minBytes * factor, maxBytes: maxBytes * factor, maxChance }
}

/** DCTCP, equation 13: K > C RTT / 7; and some way from the end of the queue. */
function stepBytes(experiment: Experiment): number {
  const { network, mtuBytes, bufferBytes } = experiment
  const least = (network.bytesPerSecond * roundTripS(experiment)) / 7
  return Math.min(bufferBytes / 2, Math.max(least, MARK_PACKETS * mtuBytes))
}

/**
 * The links of a switch share the buffer equally, but none has less than what it takes to keep
 * sending while the word to go on is under way. Headroom comes on top, as it does in switches.
 */
function losslessOf(experiment: Experiment): SwitchOptions & { readonly pause: PauseThresholds } {
  const { network, mtuBytes, bufferBytes } = experiment
  const headroomBytes = pauseHeadroomBytes({
    bytesPerSecond: fastestOf(network),
    propagationS: network.delayS,
    latencyS: 0,
    packetBytes: mtuBytes,
  })
  const links = portsOf(network)
  const xoffBytes = Math.max(Math.ceil(bufferBytes / links), headroomBytes)
  return {
    bufferBytes: Math.min(QUEUE_MAX, links * (xoffBytes + headroomBytes)),
    pause: { xoffBytes, xonBytes: Math.max(0, xoffBytes - 2 * mtuBytes) },
  }
}

/** Queues are counted in 31 bits. */
const QUEUE_MAX = 2 ** 31 - 1 - HEADER_BYTES
