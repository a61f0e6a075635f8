/** Short ways to write figures with their source, so that a card reads as a row of a table. */
import type { Accumulator, Figure, NumberFormat, Price, PriceKind, Rate, Trust } from './card.js'

const MEBI = 2 ** 20
const GIBI = 2 ** 30

type RateKey = `${NumberFormat}/${Accumulator}`
type Quote = {
  readonly kind: PriceKind
  readonly usd: number
  readonly date: string
  readonly venue: string
}

/** What buys a thing; the other kinds are paid by the hour. */
const PURCHASES: readonly PriceKind[] = ['list', 'street', 'used']

export function priceUnit(kind: PriceKind): string {
  return PURCHASES.includes(kind) ? 'USD' : 'USD/h'
}

export type Citation = {
  readonly count: (value: number) => Figure
  readonly ghz: (value: number) => Figure
  readonly watts: (value: number) => Figure
  readonly mib: (value: number) => Figure
  readonly gib: (value: number) => Figure
  readonly megabytes: (value: number) => Figure
  readonly bytes: (value: number) => Figure
  readonly gigabytesPerSecond: (value: number) => Figure
  readonly gigabitsPerSecond: (value: number) => Figure
  /** Dense TFLOP/s by `format/accumulator`. */
  readonly teraflops: (rates: Readonly<Partial<Record<RateKey, number>>>) => readonly Rate[]
  readonly price: (quote: Quote) => Price
}

/** Figures that one source gives. */
export function cite(source: string, trust: Trust): Citation {
  const figure = (value: number, unit: string): Figure => ({ value, unit, source, trust })
  const scaled =
    (unit: string, scale: number) =>
    (value: number): Figure =>
      figure(Math.round(value * scale), unit)
  return {
    count: scaled('count', 1),
    ghz: scaled('Hz', 1e9),
    watts: scaled('W', 1),
    mib: scaled('B', MEBI),
    gib: scaled('B', GIBI),
    megabytes: scaled('B', 1e6),
    bytes: scaled('B', 1),
    gigabytesPerSecond: scaled('B/s', 1e9),
    gigabitsPerSecond: scaled('B/s', 1e9 / 8),
    teraflops: (rates) =>
      Object.entries(rates).map(([key, value]) => ({
        ...figure(Math.round(value * 1e12), 'FLOP/s'),
        ...parseKey(key as RateKey),
      })),
    price: ({ kind, usd, date, venue }) => ({
      ...figure(usd, priceUnit(kind)),
      ...{ kind, date, venue },
    }),
  }
}

function parseKey(key: RateKey): Pick<Rate, 'format' | 'accumulator'> {
  const [format, accumulator] = key.split('/') as [NumberFormat, Accumulator]
  return { format, accumulator }
}

/** Giga-transfers per second and lane; from the third generation on 128 of 130 bits are data. */
const PCIE_GIGATRANSFERS = { 3: 8, 4: 16, 5: 32 } as const

/** One way, before packet headers. */
export function pcie(generation: keyof typeof PCIE_GIGATRANSFERS, lanes: number) {
  const gigabytes = (PCIE_GIGATRANSFERS[generation] * lanes * 128) / 130 / 8
  const source = 'PCI Express base specification: transfers per lane, 128b/130b'
  return {
    ...cite(source, 'derived').gigabytesPerSecond(gigabytes),
    kind: `PCIe ${generation}.0 x${lanes}`,
  }
}
