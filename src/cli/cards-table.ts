/** The catalogue as tables: all cards, all racks, one card with its sources. Pure. */
import { formatTable } from '../base/table.js'
import type { Card, Figure, NumberFormat, Price } from '../plan/catalog/card.js'
import { latestPrice } from '../plan/catalog/prices.js'
import type { Rack } from '../plan/catalog/racks.js'
import { denseRate } from '../plan/catalog/rates.js'
import {
  formatFigure,
  formatPriceName,
  formatRackSize,
  formatSource,
  short,
} from './cards-format.js'
import { type Column, formatColumns } from './column-table.js'

const tera = (card: Card, format: NumberFormat): string => {
  const rate = denseRate(card, format)
  return rate === undefined ? '-' : short(rate.value / 1e12)
}

/** Of FP16 and BF16 the faster: some cards have a matrix unit for one of them only. */
function sixteenBit(card: Card): string {
  const [bf16, fp16] = [denseRate(card, 'bf16'), denseRate(card, 'fp16')]
  return tera(card, (bf16?.value ?? 0) > (fp16?.value ?? 0) ? 'bf16' : 'fp16')
}

const CARD_COLUMNS: readonly Column<Card>[] = [
  { title: 'card', rank: 0, cell: ({ id }) => id },
  { title: 'year', rank: 4, cell: ({ year }) => String(year) },
  { title: 'usable', rank: 0, cell: ({ usableMemory }) => formatFigure(usableMemory) },
  { title: 'memory/s', rank: 0, cell: ({ bandwidth }) => formatFigure(bandwidth) },
  { title: '16-bit', rank: 0, cell: sixteenBit },
  { title: 'fp8', rank: 1, cell: (card) => tera(card, 'fp8') },
  { title: 'int8', rank: 1, cell: (card) => tera(card, 'int8') },
  { title: 'fp4', rank: 1, cell: (card) => tera(card, 'fp4') },
  { title: 'power', rank: 2, cell: ({ power }) => formatFigure(power) },
  { title: 'to buy', rank: 2, cell: (card) => newest(card, ['street', 'used', 'list']) },
  { title: 'to rent', rank: 3, cell: (card) => newest(card, ['contract', 'on-demand', 'spot']) },
]

/** The newest price of the first kind that there is one of. */
function newest(priced: Card | Rack, kinds: readonly Price['kind'][]): string {
  const found = kinds.map((kind) => latestPrice(priced, kind)).find((price) => price !== undefined)
  return found === undefined ? '-' : formatFigure(found)
}

const RACK_COLUMNS: readonly Column<Rack>[] = [
  { title: 'rack', rank: 0, cell: ({ id }) => id },
  { title: 'GPUs', rank: 0, cell: formatRackSize },
  { title: 'card', rank: 1, cell: ({ card }) => card.id },
  { title: 'scale-up', rank: 1, cell: ({ scaleUp }) => formatFigure(scaleUp.bandwidth) },
  { title: 'network', rank: 1, cell: ({ nic }) => formatFigure(nic) },
  { title: 'power', rank: 2, cell: ({ power }) => formatFigure(power) },
  { title: 'to own', rank: 0, cell: (rack) => ownPrice(rack, 'hyperscaler') },
  { title: 'as a neocloud', rank: 3, cell: (rack) => ownPrice(rack, 'neocloud') },
  { title: 'to rent', rank: 0, cell: (rack) => newest(rack, ['contract']) },
  { title: 'on demand', rank: 3, cell: (rack) => newest(rack, ['on-demand']) },
]

function ownPrice(rack: Rack, venue: string): string {
  const price = latestPrice(rack, 'own', venue)
  return price === undefined ? '-' : formatFigure(price)
}

const LEGEND =
  'Dense TFLOP/s, summed in FP32 or INT32. `sputnik cards show <card>` tells every source.'
const RACK_LEGEND = 'Per GPU. What `sputnik plan --vs` compares with.'

export function formatCatalogue(
  cards: readonly Card[],
  racks: readonly Rack[],
  width: number,
): string {
  return [
    ...formatColumns(CARD_COLUMNS, cards, width),
    ...['', LEGEND, ''],
    ...formatColumns(RACK_COLUMNS, racks, width),
    ...['', RACK_LEGEND],
  ].join('\n')
}

/** Every figure of a card with where it comes from and how far it is trusted. */
export function formatCard(card: Card): string {
  return [
    `${card.name} (${card.id}), ${card.vendor} ${card.year}, ${card.class}`,
    '',
    ...formatFigures([...figuresOf(card), ...card.prices.map(priceRow)]),
    '',
    card.peerToPeer
      ? 'Cards reach each other without the memory of the host.'
      : 'Cards reach each other only through the memory of the host.',
    ...card.notes,
  ].join('\n')
}

/** Every figure of a rack; those of its card stand with the card. */
export function formatRack(rack: Rack): string {
  const { name, id, card, cards, scaleUp, nic, power, prices, notes } = rack
  const rows: readonly Row[] = [
    [`scale-up among ${scaleUp.cards}`, scaleUp.bandwidth],
    ['network', nic],
    ['power, all in', power],
    ...prices.map(priceRow),
  ]
  return [
    `${name} (${id}): ${cards} of ${card.id}; figures are of one GPU`,
    '',
    ...formatFigures(rows),
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ].join('\n')
}

type Row = readonly [name: string, figure: Figure]

function formatFigures(rows: readonly Row[]): string[] {
  const cells = rows.map(([name, figure]) => [name, formatFigure(figure), formatSource(figure)])
  return formatTable(['figure', 'value', 'trust and source'], cells)
}

function figuresOf(card: Card): Row[] {
  const { scaleUp, hostLink } = card
  const rows: ReadonlyArray<readonly [name: string, figure: Figure | undefined]> = [
    ['units', card.units],
    ['tensor cores per unit', card.tensorCoresPerUnit],
    ['clock of the rates', card.clock],
    ['highest clock', card.maxClock],
    ...card.rates.map((rate): Row => [`${rate.format} summed in ${rate.accumulator}`, rate]),
    ['memory', card.memory],
    ['usable memory', card.usableMemory],
    ['memory bandwidth', card.bandwidth],
    ['cache', card.l2],
    ['power', card.power],
    ['idle power', card.idlePower],
    [`host link, ${hostLink?.kind}`, hostLink],
    [`scale-up among ${scaleUp?.cards}`, scaleUp?.bandwidth],
  ]
  return rows.flatMap(([name, figure]) => (figure === undefined ? [] : [[name, figure] as const]))
}

function priceRow(price: Price): Row {
  return [formatPriceName(price), price]
}
