/** Servers and racks that a fleet is compared with. Prices are of one GPU. */
import { defined } from '../../base/assert.js'
import { SputnikError } from '../../base/errors.js'
import { plain } from '../../base/nearest.js'
import type { Card, Figure, Price } from './card.js'
import { mi300x, mi355x } from './cards/amd.js'
import { b200, gb200, gb300 } from './cards/nvidia-blackwell.js'
import { h100, h200 } from './cards/nvidia-hopper.js'
import { unknownText } from './catalogue.js'
import { cite } from './figures.js'
import { INFERENCEX, INFERENCEX_COSTS } from './sources.js'

export type Rack = {
  /** As `--vs` names it. */
  readonly id: string
  readonly name: string
  readonly card: Card
  /** GPUs of it. */
  readonly cards: number
  /** GPUs that reach each other by the fast link, and what each has of it, one way. */
  readonly scaleUp: { readonly cards: number; readonly bandwidth: Figure }
  /** To other racks, per GPU and one way. */
  readonly nic: Figure
  /** All in per GPU: host, network, cooling. */
  readonly power: Figure
  /**
   * Of one GPU. `own`: total cost of an hour to whoever owns it, `venue` being `hyperscaler` or
   * `neocloud`; `contract` with the venue `rent`: what those ask for it.
   */
  readonly prices: readonly Price[]
  readonly notes: readonly string[]
}

/** Dollars per GPU and hour of the InferenceX constants. */
type Costs = { readonly hyperscaler: number; readonly neocloud: number; readonly rent: number }

/** Of the first half of 2026, by its end. */
const COSTS_DATE = '2026-06'
const NIC = cite('rack data sheet: a ConnectX port per GPU', 'recalled')
const PLACEHOLDER = cite('InferenceX-app constants.ts, marked there as 1.2 x GB200', 'weak')

function inferencexPrices(costs: Costs, source = INFERENCEX_COSTS): readonly Price[] {
  const { hyperscaler, neocloud, rent } = costs
  const date = COSTS_DATE
  return [
    source.price({ kind: 'own', usd: hyperscaler, date, venue: 'hyperscaler' }),
    source.price({ kind: 'own', usd: neocloud, date, venue: 'neocloud' }),
    source.price({ kind: 'contract', usd: rent, date, venue: 'rent' }),
  ]
}

/** Prices of the bare card by the hour are those of a share of such a server. */
function hourly({ prices }: Card): readonly Price[] {
  return prices.filter(({ unit }) => unit === 'USD/h')
}

const gb200Nvl72: Rack = {
  id: 'gb200-nvl72',
  name: 'GB200 NVL72',
  card: gb200,
  cards: 72,
  scaleUp: { cards: 72, bandwidth: INFERENCEX.gigabytesPerSecond(900) },
  nic: NIC.gigabitsPerSecond(400),
  power: INFERENCEX_COSTS.watts(2100),
  prices: [
    ...inferencexPrices({ hyperscaler: 2.21, neocloud: 2.75, rent: 3.3 }),
    cite('Bernstein, by investing.com: 5.9 million a rack, infrastructure included', 'read').price({
      ...{ kind: 'list', usd: Math.round(5.9e6 / 72), date: '2025', venue: 'a 72nd of a rack' },
    }),
    ...hourly(gb200),
  ],
  notes: ['The rack alone is listed at about 3.1 million dollars.'],
}

const gb300Nvl72: Rack = {
  ...gb200Nvl72,
  id: 'gb300-nvl72',
  name: 'GB300 NVL72',
  card: gb300,
  nic: cite(
    'GB300 NVL72 lists one ConnectX-8 per GPU (glennklockwood.com)',
    'read',
  ).gigabitsPerSecond(800),
  prices: [
    ...inferencexPrices({ hyperscaler: 2.652, neocloud: 3.3, rent: 3.96 }, PLACEHOLDER),
    ...hourly(gb300),
  ],
  notes: [
    'Its costs are placeholders of their source; three-year rents in July 2026 were about 5.',
  ],
}

type Server = { readonly id: string; readonly card: Card; readonly watts: number; costs: Costs }

/** Eight GPUs in a box, each with 400 Gb/s to the others. */
function server({ id, card, watts, costs }: Server): Rack {
  return {
    id,
    name: `8 x ${card.name}`,
    card,
    cards: 8,
    scaleUp: defined(card.scaleUp, `scale-up link of ${card.id}`),
    nic: INFERENCEX.gigabitsPerSecond(400),
    power: INFERENCEX_COSTS.watts(watts),
    prices: [...inferencexPrices(costs), ...hourly(card)],
    notes: [],
  }
}

const COSTS = {
  h100: { hyperscaler: 1.3, neocloud: 1.69, rent: 1.3 },
  h200: { hyperscaler: 1.41, neocloud: 1.74, rent: 1.6 },
  b200: { hyperscaler: 1.95, neocloud: 2.34, rent: 2.9 },
  mi300x: { hyperscaler: 1.12, neocloud: 1.4, rent: 1.55 },
  mi355x: { hyperscaler: 1.48, neocloud: 1.9, rent: 2.1 },
} as const

export const RACKS: readonly Rack[] = [
  gb200Nvl72,
  gb300Nvl72,
  server({ id: '8xh100', card: h100, watts: 1730, costs: COSTS.h100 }),
  server({ id: '8xh200', card: h200, watts: 1730, costs: COSTS.h200 }),
  server({ id: '8xb200', card: b200, watts: 2170, costs: COSTS.b200 }),
  server({ id: '8xmi300x', card: mi300x, watts: 1790, costs: COSTS.mi300x }),
  server({ id: '8xmi355x', card: mi355x, watts: 2650, costs: COSTS.mi355x }),
]

/** By id, whatever its case and hyphens. */
export function lookUpRack(id: string): Rack | undefined {
  return RACKS.find((one) => plain(one.id) === plain(id))
}

/** As `lookUpRack`; throws RACK_UNKNOWN with the nearest ids. */
export function findRack(id: string): Rack {
  const rack = lookUpRack(id)
  if (rack !== undefined) return rack
  const ids = RACKS.map((one) => one.id)
  throw new SputnikError('RACK_UNKNOWN', unknownText('rack', id, ids), {
    name: id,
    racks: ids.join(', '),
  })
}
