/** What a search may choose among: cards, counts, network ports, replicas, number formats. */
import type { Card } from '../catalog/card.js'
import { findCard } from '../catalog/catalogue.js'
import { NICS, type NicOffer } from '../economics/nic-prices.js'
import { DEFAULT_ECONOMICS, DEFAULT_HOST } from '../fleet/defaults.js'
import type { Economics } from '../fleet/fleet.js'
import { WIRE_BYTES } from '../fleet/wire-format.js'
import type { ModelShape } from '../model/shape.js'
import { weightBits } from '../model/weight-formats.js'

/** Cards of the head. */
export type HeadChoice = { readonly card: Card; readonly count: number }

/** The model with its weights in one of the formats. */
export type Variant = { readonly format: string; readonly shape: ModelShape }

/** Of a host without its cards: what it costs and draws with none, and more for each. */
export type HostFrame = {
  readonly baseUsd: number
  readonly cardUsd: number
  readonly baseW: number
  readonly cardW: number
  readonly ramBytes: number
}

export type SearchSpace = {
  readonly variants: readonly Variant[]
  readonly heads: readonly HeadChoice[]
  /** Of domains; each alone, and each two of them mixed. */
  readonly cards: readonly Card[]
  readonly cardsPerHost: readonly number[]
  /** Hosts of a kind. */
  readonly hosts: readonly number[]
  /** Of domains, and of the head where they are not slower. */
  readonly nics: readonly NicOffer[]
  readonly replicas: readonly number[]
  /** Of one activation on the wire. */
  readonly dispatchBytesPerValue: number
  readonly combineBytesPerValue: number
  readonly frame: HostFrame
  readonly economics: Economics
  readonly owned: boolean
}

/** A host of one card costs 800 dollars and draws 80 W, as the own-cost table assumes. */
const DEFAULT_FRAME: HostFrame = {
  baseUsd: 500,
  cardUsd: 300,
  baseW: 50,
  cardW: 30,
  ramBytes: DEFAULT_HOST.ramBytes,
}

/** The model as it is. */
export const AS_IT_IS = 'as it is'

/**
 * The model in each format, named as `--weights` takes it, or `AS_IT_IS`.
 * @throws SputnikError USAGE when there is no such format
 */
export function variantsOf(model: ModelShape, formats: readonly string[]): Variant[] {
  const { exact: _, ...plain } = model
  return formats.map((format) => ({
    format,
    shape: format === AS_IT_IS ? model : { ...plain, bits: weightBits(format) },
  }))
}

/** About a hundred thousand fleets of cards that people have at home. */
export function defaultSpace(model: ModelShape): SearchSpace {
  return {
    variants: variantsOf(model, [AS_IT_IS]),
    heads: [
      { card: findCard('rtx-5090'), count: 1 },
      { card: findCard('rtx-5090'), count: 2 },
    ],
    cards: ['rtx-3090', 'rtx-4090', 'rtx-5090'].map(findCard),
    cardsPerHost: [1, 2, 4],
    hosts: [1, 2, 3, 4, 6, 8, 12, 16],
    nics: NICS,
    replicas: [1, 2],
    dispatchBytesPerValue: WIRE_BYTES.bf16,
    combineBytesPerValue: WIRE_BYTES.bf16,
    frame: DEFAULT_FRAME,
    economics: DEFAULT_ECONOMICS,
    owned: true,
  }
}
