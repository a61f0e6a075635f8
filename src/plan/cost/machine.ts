/** Hosts and cards as the rates that work really gets of them, for one model. */
import type { Card } from '../catalog/card.js'
import type { CardGroup, Host } from '../fleet/fleet.js'
import { type Confidence, weakest } from './confidence.js'
import { type Efficiency, vendorEfficiency } from './efficiency.js'
import { cardRates, type ModelWork } from './model-work.js'

/** One card, or the host's processor where there is none. */
export type Device = {
  readonly name: string
  readonly count: number
  readonly memoryBytes: number
  readonly bytesPerSecond: number
  /** FLOP per second on trunk weights, on expert weights, and on scores over the KV cache. */
  readonly trunkFlops: number
  readonly expertFlops: number
  readonly cacheFlops: number
  /** To the host's memory, one way; infinite where card and host are one chip. */
  readonly linkBytesPerSecond: number
  readonly layerS: number
  readonly confidence: Confidence
  readonly card?: Card
}

/** Sums are over its devices. */
export type Machine = {
  readonly host: Host
  readonly devices: readonly Device[]
  readonly deviceCount: number
  readonly deviceBytes: number
  readonly bytesPerSecond: number
  readonly expertFlops: number
  readonly linkBytesPerSecond: number
  /** Host memory beside the devices, and what it gives. 0 where the processor is the device. */
  readonly ramBytes: number
  readonly ramBytesPerSecond: number
  /** FLOP per second of the processor. */
  readonly cpuFlops: number
  readonly diskBytesPerSecond: number
  readonly nicBytesPerSecond: number
  readonly layerS: number
  readonly confidence: Confidence
}

/** A host's memory that programs and the operating system leave. Assumed. */
const FREE_RAM = 0.9

export function machineOf(host: Host, work: ModelWork, efficiency: Efficiency): Machine {
  const devices = devicesOf(host, work, efficiency)
  const sum = (of: (device: Device) => number): number =>
    devices.reduce((all, device) => all + device.count * of(device), 0)
  return {
    host,
    devices,
    deviceCount: sum(() => 1),
    deviceBytes: sum(({ memoryBytes }) => memoryBytes),
    bytesPerSecond: sum(({ bytesPerSecond }) => bytesPerSecond),
    expertFlops: sum(({ expertFlops }) => expertFlops),
    linkBytesPerSecond: sum(({ linkBytesPerSecond }) => linkBytesPerSecond),
    ramBytes: hasOwnMemory(host) ? host.ramBytes * FREE_RAM : 0,
    ramBytesPerSecond: host.ramBytesPerSecond * efficiency.ramShare,
    cpuFlops: cpuFlops(host, efficiency),
    diskBytesPerSecond: host.diskBytesPerSecond * efficiency.diskShare,
    nicBytesPerSecond: host.nic.bytesPerSecond * efficiency.nicShare,
    layerS: Math.max(...devices.map(({ layerS }) => layerS)),
    confidence: weakest(devices.map(({ confidence }) => confidence)),
  }
}

/** Where card and host are one chip, their memory is the same. */
function hasOwnMemory({ cards }: Host): boolean {
  return cards.some(({ card }) => card.hostLink !== undefined)
}

/** What computes in a host: its cards, or its processor where it has none. */
export function devicesOf(
  host: Pick<Host, 'cards' | ProcessorField>,
  work: ModelWork,
  efficiency: Efficiency,
): Device[] {
  if (host.cards.length === 0) return [processorOf(host, efficiency)]
  const elseFlops = cpuFlops(host, efficiency)
  return host.cards.map((group) => cardDevice(group, { work, efficiency, elseFlops }))
}

type ProcessorField = 'ramBytes' | 'ramBytesPerSecond'

function cpuFlops(host: Pick<Host, ProcessorField>, { cpuFlopsPerByte }: Efficiency): number {
  return host.ramBytesPerSecond * cpuFlopsPerByte
}

function processorOf(host: Pick<Host, ProcessorField>, efficiency: Efficiency): Device {
  const flops = cpuFlops(host, efficiency)
  return {
    name: 'processor',
    count: 1,
    memoryBytes: host.ramBytes * FREE_RAM,
    bytesPerSecond: host.ramBytesPerSecond * efficiency.ramShare,
    trunkFlops: flops,
    expertFlops: flops,
    cacheFlops: flops,
    linkBytesPerSecond: Number.POSITIVE_INFINITY,
    layerS: 0,
    confidence: 'assumed',
  }
}

function cardDevice(
  group: CardGroup,
  given: { readonly work: ModelWork; readonly efficiency: Efficiency; readonly elseFlops: number },
): Device {
  const { work, efficiency, elseFlops } = given
  const { card, count, measured } = group
  const { computeShare, layerS } = vendorEfficiency(card, efficiency)
  const rates = cardRates(work, { card, elseFlops })
  return {
    name: card.name,
    count,
    memoryBytes: card.usableMemory.value * (1 - efficiency.workspaceShare),
    bytesPerSecond: measured?.bytesPerSecond ?? card.bandwidth.value * efficiency.memoryShare,
    trunkFlops: measured?.flopsPerSecond ?? rates.trunk * computeShare,
    expertFlops: measured?.flopsPerSecond ?? rates.experts * computeShare,
    cacheFlops: measured?.flopsPerSecond ?? rates.cache * computeShare,
    linkBytesPerSecond:
      (card.hostLink?.value ?? Number.POSITIVE_INFINITY) * efficiency.hostLinkShare,
    layerS,
    confidence: confidenceOf(group, efficiency),
    card,
  }
}

function confidenceOf({ card, measured }: CardGroup, efficiency: Efficiency): Confidence {
  if (measured?.bytesPerSecond !== undefined && measured.flopsPerSecond !== undefined) {
    return 'measured'
  }
  if (card.bandwidth.trust === 'weak' || card.rates.some(({ trust }) => trust === 'weak')) {
    return 'assumed'
  }
  return vendorEfficiency(card, efficiency).isCalibrated ? 'calibrated' : 'datasheet'
}
