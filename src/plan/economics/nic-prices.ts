/** What a network port costs: the card in the host, its cable and the port of a switch. */
import { defined } from '../../base/assert.js'
import { BITS_PER_BYTE } from '../../base/units.js'
import type { Trust } from '../catalog/card.js'

export type NicOffer = {
  /** `25 GbE`. */
  readonly name: string
  readonly bytesPerSecond: number
  /** Of card, cable and switch port. */
  readonly usd: number
  readonly watts: number
  readonly source: string
  readonly trust: Trust
}

function offer(gigabits: number, usd: number, watts: number, evidence: Evidence): NicOffer {
  return {
    name: `${gigabits} GbE`,
    bytesPerSecond: (gigabits * 1e9) / BITS_PER_BYTE,
    usd,
    watts,
    ...evidence,
  }
}

type Evidence = { readonly source: string; readonly trust: Trust }

const HOMELAB = 'homelabstarter.com 2.5 GbE guide'
const MIKROTIK = 'MikroTik CRS804 and CRS812, 1,295 dollars for 1.6 Tb/s (grokipedia, probsee)'

/** From slow to fast; watts are rough, of both ends. */
export const NICS: readonly NicOffer[] = [
  offer(1, 10, 2, { source: `${HOMELAB}: on the board; a switch is 20`, trust: 'derived' }),
  offer(2.5, 40, 4, {
    source: `${HOMELAB}: card 15 to 30, switch 80 to 150 for 8 ports`,
    trust: 'derived',
  }),
  offer(10, 100, 8, {
    source: 'dargslan.com 10 GbE guide 2026: card 40 to 80 euros, used 8-port switch 280 to 340',
    trust: 'derived',
  }),
  offer(25, 150, 15, { source: 'own-cost table: card and port', trust: 'derived' }),
  offer(50, 330, 20, { source: 'between 25 and 100 GbE, geometric', trust: 'weak' }),
  offer(100, 700, 25, { source: 'own-cost table: card and port', trust: 'derived' }),
  offer(200, 1200, 30, {
    source: `${MIKROTIK}: 162 a port; card about 1,000, recalled`,
    trust: 'weak',
  }),
  offer(400, 2200, 40, {
    source: `${MIKROTIK}: 324 a port; card and cable about 1,900, recalled`,
    trust: 'weak',
  }),
]

/** The slowest that is fast enough; beyond the fastest several of that one. */
export function nicUsd(bytesPerSecond: number): number {
  const fits = NICS.find((nic) => nic.bytesPerSecond >= bytesPerSecond)
  if (fits !== undefined) return fits.usd
  const fastest = defined(NICS.at(-1), 'fastest network card')
  return fastest.usd * Math.ceil(bytesPerSecond / fastest.bytesPerSecond)
}
