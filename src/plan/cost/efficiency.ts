/**
 * How far from its data sheet real work stays: the one table of such constants, each with its
 * source. Two per vendor are fitted to measurements (calibration.ts); the rest are fixed.
 */
import type { Card, Figure, Vendor } from '../catalog/card.js'

const AICONFIGURATOR = 'github.com/ai-dynamo/aiconfigurator, systems/*.yaml'

function assumed(value: number, unit: string, why: string): Figure {
  return { value, unit, source: `assumed: ${why}`, trust: 'weak' }
}

const CONSTANTS = {
  memoryShare: { value: 0.8, unit: '1', source: AICONFIGURATOR, trust: 'read' },
  /** Of the NIC's rate: headers, acknowledgements, gaps. */
  nicShare: assumed(0.92, '1', 'TCP with 1500-byte frames carries 0.95; some is left for control'),
  hostLinkShare: assumed(0.8, '1', 'PCIe reaches about that in large copies'),
  scaleUpShare: assumed(0.7, '1', 'all-to-all of small messages'),
  ramShare: assumed(0.7, '1', 'reads by several threads of two or more channels'),
  diskShare: assumed(0.8, '1', 'large reads with a deep queue'),
  /** Of usable memory: activations, graphs, fragments. */
  workspaceShare: assumed(0.06, '1', 'activations and fragments'),
  /** One copy between card and host memory, beside its bytes. */
  hostHopS: { value: 10e-6, unit: 's', source: AICONFIGURATOR, trust: 'read' },
  /** One all-to-all over a scale-up link, beside its bytes. */
  scaleUpHopS: { value: 10e-6, unit: 's', source: AICONFIGURATOR, trust: 'read' },
  /** A host's processor for each byte per second of its memory: both grow with what it costs. */
  cpuFlopsPerByte: assumed(8, 'FLOP/B', '0.6 TFLOP/s beside 80 GB/s, half of the peak of 16 cores'),
} as const satisfies Record<string, Figure>

/** The two that are fitted. */
export type VendorEfficiency = {
  /** Of the dense rate. */
  readonly computeShare: number
  /** Of one layer, whatever its load: launches and waits between kernels. */
  readonly layerS: number
  readonly isCalibrated: boolean
}

/** `others`: all that is not a data-centre GPU. */
export type Efficiency = { readonly [constant in keyof typeof CONSTANTS]: number } & {
  readonly vendors: { readonly [vendor in Vendor | 'others']: VendorEfficiency }
}

/** Fitted to five runs of Hopper and Blackwell (calibration.ts). */
const NVIDIA: VendorEfficiency = { computeShare: 0.31, layerS: 19e-6, isCalibrated: true }
/** Fitted to three runs of MI300X and MI355X. */
const AMD: VendorEfficiency = { computeShare: 0.13, layerS: 540e-6, isCalibrated: true }
/**
 * Parts without a run of their own are taken to stay as far from their data sheets as those with
 * most runs, so that a comparison favours neither.
 */
const OTHERS: VendorEfficiency = { ...NVIDIA, isCalibrated: false }

export const EFFICIENCY: Efficiency = {
  memoryShare: CONSTANTS.memoryShare.value,
  nicShare: CONSTANTS.nicShare.value,
  hostLinkShare: CONSTANTS.hostLinkShare.value,
  scaleUpShare: CONSTANTS.scaleUpShare.value,
  ramShare: CONSTANTS.ramShare.value,
  diskShare: CONSTANTS.diskShare.value,
  workspaceShare: CONSTANTS.workspaceShare.value,
  hostHopS: CONSTANTS.hostHopS.value,
  scaleUpHopS: CONSTANTS.scaleUpHopS.value,
  cpuFlopsPerByte: CONSTANTS.cpuFlopsPerByte.value,
  vendors: { nvidia: NVIDIA, amd: AMD, apple: OTHERS, intel: OTHERS, others: OTHERS },
}

/** What was fitted to data-centre GPUs of a vendor says little about its other parts. */
export function vendorEfficiency(card: Card, { vendors }: Efficiency): VendorEfficiency {
  const isAlike = card.class === 'datacenter' && card.hostLink !== undefined
  return isAlike ? vendors[card.vendor] : vendors.others
}

/**
 * Times that throughput may be more or less than estimated: four of five measured runs lie within
 * it when the constants are fitted to all others (calibration.ts).
 */
export const THROUGHPUT_SPREAD: Readonly<Partial<Record<Vendor, number>>> = {
  nvidia: 1.7,
  amd: 1.4,
}
/** Of parts of which no run was measured: assumed. */
export const UNMEASURED_SPREAD = 2

export function throughputSpread(card: Card): number {
  const isMeasured = vendorEfficiency(card, EFFICIENCY).isCalibrated
  return (isMeasured ? THROUGHPUT_SPREAD[card.vendor] : undefined) ?? UNMEASURED_SPREAD
}
