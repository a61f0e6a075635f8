/** What a whole fleet costs by the hour, owned or rented. */
import type { Price } from '../catalog/card.js'
import type { CardGroup, Fleet, Host } from '../fleet/fleet.js'
import { nicUsd } from './nic-prices.js'
import { type Equipment, type HourCost, ownHourCost } from './own-cost.js'
import { priceToBuy, priceToRent } from './price-of.js'

export type FleetCost = {
  /** `given`: the fleet file says what an hour costs. */
  readonly how: 'own' | 'rent' | 'given'
  readonly hourUsd: number
  /** Paid at the start; 0 when it is rented. */
  readonly upfrontUsd: number
  /** Of an owned fleet. */
  readonly own?: HourCost & { readonly equipment: Equipment }
  /** Of the catalogue that it rests on, one for each kind of card. */
  readonly prices: readonly Price[]
}

/**
 * `load`: share of the time, 0 to 1, in which owned cards draw their rated power.
 * @throws SputnikError PRICE_UNKNOWN when a card has no price of the kind that is needed
 */
export function fleetCost(fleet: Fleet, load: number): FleetCost {
  const { hourUsd, owned } = fleet
  if (hourUsd !== undefined) return { how: 'given', hourUsd, upfrontUsd: 0, prices: [] }
  if (!owned) return rentedCost(fleet)
  const equipment = fleetEquipment(fleet)
  const own = ownHourCost(equipment, { ...fleet.economics, load })
  return {
    how: 'own',
    hourUsd: own.totalUsd,
    upfrontUsd: equipment.cardsUsd + equipment.otherUsd,
    own: { ...own, equipment },
    prices: pricesOf(fleet, (group) =>
      group.priceUsd === undefined ? priceToBuy(group.card) : [],
    ),
  }
}

/**
 * Dollars of an hour of work, when there is work in that share of the hours: what is bought is paid
 * for all day, what is rented only when it is used.
 */
export function workHourUsd({ how, hourUsd }: FleetCost, utilisation: number): number {
  return how === 'own' ? hourUsd / utilisation : hourUsd
}

/** Everything that is bought and that draws power. */
export function fleetEquipment(fleet: Fleet): Equipment {
  const { priceUsd: otherUsd, powerW: otherW } = fleet.switch
  return hostsOf(fleet)
    .map(hostEquipment)
    .reduce(addEquipment, { ...NOTHING, otherUsd, otherW })
}

/** All machines of this kind. A host that is there anyway brings its network card. */
function hostEquipment({ count, cards, nic, powerW, priceUsd }: Host): Equipment {
  const hostUsd = priceUsd === undefined ? 0 : priceUsd + nicUsd(nic.bytesPerSecond)
  const sum = { cardsUsd: 0, cardsW: 0, cardsIdleW: 0 }
  for (const group of cards) {
    const many = group.count * count
    sum.cardsUsd += many * (group.priceUsd ?? priceToBuy(group.card).value)
    sum.cardsW += many * group.card.power.value
    sum.cardsIdleW += many * (group.card.idlePower?.value ?? 0)
  }
  return { ...sum, otherUsd: count * hostUsd, otherW: count * powerW }
}

const NOTHING: Equipment = { cardsUsd: 0, otherUsd: 0, cardsW: 0, cardsIdleW: 0, otherW: 0 }

function addEquipment(a: Equipment, b: Equipment): Equipment {
  return {
    cardsUsd: a.cardsUsd + b.cardsUsd,
    otherUsd: a.otherUsd + b.otherUsd,
    cardsW: a.cardsW + b.cardsW,
    cardsIdleW: a.cardsIdleW + b.cardsIdleW,
    otherW: a.otherW + b.otherW,
  }
}

/** The hour of a rented card has its share of a host and a network in it. */
function rentedCost(fleet: Fleet): FleetCost {
  let hourUsd = 0
  for (const { cards, count } of hostsOf(fleet)) {
    for (const group of cards) hourUsd += count * group.count * priceToRent(group.card).value
  }
  return {
    how: 'rent',
    hourUsd,
    upfrontUsd: 0,
    prices: pricesOf(fleet, ({ card }) => priceToRent(card)),
  }
}

function hostsOf({ head, domains }: Fleet): readonly Host[] {
  return [head, ...domains]
}

function pricesOf(fleet: Fleet, of: (group: CardGroup) => Price | Price[]): Price[] {
  return [...new Set(hostsOf(fleet).flatMap(({ cards }) => cards.flatMap(of)))]
}
