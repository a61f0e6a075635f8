/**
 * A rack or server of the catalogue as a fleet, to compare one of one's own with: every card holds
 * the trunk and a share of the experts. Knows nothing of what it is compared by.
 */
import { latestPrice } from '../catalog/prices.js'
import type { Rack } from '../catalog/racks.js'
import { DEFAULT_ECONOMICS } from './defaults.js'
import type { Fleet } from './fleet.js'
import { WIRE_BYTES } from './wire-format.js'

/** What its hour is taken to cost: market rent, or all costs of an owner large or small. */
export const RACK_TERMS = ['rent', 'neocloud', 'hyperscaler'] as const
export type RackTerms = (typeof RACK_TERMS)[number]

/** Two sockets or four, all memory channels in use. */
const HOST_MEMORY = { ramBytes: 1e12, ramBytesPerSecond: 400e9 }
const HOST_DISK = { diskBytes: 4e12, diskBytesPerSecond: 10e9 }
/** Remote DMA from card to card, without kernel or processor. */
const TRANSPORT_S = 2e-6
/** In and out of a switch of a rack; its price and power are in those of the rack. */
const SWITCH = { latencyS: 1e-6, bufferBytes: 64e6, priceUsd: 0, powerW: 0 }

/** `hourUsd` is absent when the catalogue has no such price of the rack. */
export function rackFleet(rack: Rack, terms: RackTerms = 'rent'): Fleet {
  const { card, cards, scaleUp } = rack
  const hour = latestPrice(rack, terms === 'rent' ? 'contract' : 'own', terms)
  return {
    name: rack.name,
    layout: 'whole',
    head: {
      name: rack.name,
      count: 1,
      cards: [{ card: { ...card, scaleUp }, count: cards }],
      nic: { bytesPerSecond: cards * rack.nic.value, transportS: TRANSPORT_S },
      ...HOST_MEMORY,
      ...HOST_DISK,
      powerW: cards * Math.max(0, rack.power.value - card.power.value),
    },
    domains: [],
    switch: SWITCH,
    replicas: 1,
    // As DeepSeek serves its own model: fp8 out, bf16 back (arXiv 2412.19437, section 3.4).
    dispatchBytesPerValue: WIRE_BYTES.fp8,
    combineBytesPerValue: WIRE_BYTES.bf16,
    economics: DEFAULT_ECONOMICS,
    owned: false,
    ...(hour === undefined ? {} : { hourUsd: cards * hour.value }),
  }
}
