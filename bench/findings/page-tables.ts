/** Finding 1 as text and tables; every sentence with a number in it is made from the steps. */
import type { Section } from '../../src/chart/html-page.js'
import type { ModelShape } from '../../src/plan/model/shape.js'
import { gigabits } from '../../src/plan/numbers.js'
import type { CopyPer } from '../../src/sim/moe/layer-load.js'
import type { StepResult } from '../../src/sim/moe/step-run.js'
import type { Popularity } from '../../src/sim/serving/popularity.js'
import { COMMAND } from './finding.js'

/** The same step over packets and over flows. */
type Side = { readonly packets: StepResult; readonly flows: StepResult }

export type PageRow = {
  readonly model: ModelShape
  readonly popularity: Popularity
  readonly cards: number
  /** Domains that a token goes to in a layer, by the closed form for uniform routing. */
  readonly expected: number
  readonly sides: Readonly<Record<CopyPer, Side>>
}

type Rows = readonly PageRow[]

export type Setup = {
  readonly cardsPerHost: number
  readonly card: string
  readonly tokens: number
  readonly bytesPerSecond: number
  readonly bufferBytes: number
  readonly warmUp: number
}

/** From here on a step counts as much longer. */
const WORTHWHILE = 1.5

export function popularityText(popularity: Popularity): string {
  return popularity.kind === 'zipf' ? `Zipf ${popularity.exponent}` : popularity.kind
}

function bytesRatio({ sides: { domain, expert } }: PageRow): number {
  const all = ({ packets }: Side): number => packets.dispatchBytes + packets.combineBytes
  return all(expert) / all(domain)
}

function timeRatio({ sides: { domain, expert } }: PageRow): number {
  return expert.packets.seconds / domain.packets.seconds
}

export function pageAnswer(rows: Rows, setup: Setup): Section {
  const sizes = [...new Set(rows.map(({ cards }) => cards))].map((cards) => {
    const own = rows.filter((row) => row.cards === cards)
    const bytes = rangeText(own.map(bytesRatio))
    return `${bytes} times the bytes and ${rangeText(own.map(timeRatio))} times the time with ${cards} cards`
  })
  const worth = rows.filter((row) => timeRatio(row) >= WORTHWHILE).map(({ cards }) => cards)
  const limit =
    worth.length === 0
      ? `It is nowhere ${WORTHWHILE} times slower.`
      : `It is ${WORTHWHILE} times slower or more with up to ${Math.max(...worth)} cards only.`
  const { cardsPerHost, card, tokens, bytesPerSecond, bufferBytes, warmUp } = setup
  return {
    paragraphs: [
      'Question: how many bytes and how much time does it save that a domain gets each token once and answers with one sum, instead of one copy and one answer for every expert?',
      'Command: `npm run findings -- 1`. Packet simulator; takes minutes. The first row alone:',
      `${COMMAND}sputnik sim step deepseek-v3 --weights fp8/mxfp4 --card rtx-pro-6000 --domains 4 --buffer 4MB`,
      `One copy for each expert takes ${sizes.join('; ')}. ${limit} The table saves most where few domains share the experts; with each doubling of the domains it saves less, as the experts of a token then lie on different ones anyway.`,
      `With uniform routing the copies of a token are within ${offText(rows)} of the closed form D (1 - C(E - E/D, k) / C(E, k)) for D domains, E experts and k of them a token.`,
      `Set-up: a step of ${tokens} tokens, one head, ${cardsPerHost} ${card} to a domain (16 hold any of the models), experts in 4 bits and placed by the fleet's own code, one copy of each; dispatch in q8_0, combine in bf16; bytes are of the fleet's own frames with their headers and lists of experts. Times are of all layers with experts, each played from the first dispatch to the last sum packet by packet, with the fabric's credits, ${gigabits(bytesPerSecond)} ports and ${bufferBytes / 1e6} MB of buffer, after ${warmUp} layers to settle; nothing is scaled. The cards' time with experts is in them, the head's own is not. "Flows": the same on links shared max-min fairly, without packets.`,
    ],
  }
}

function offText(rows: Rows): string {
  const off = rows
    .filter(({ popularity }) => popularity.kind === 'uniform')
    .map((row) => Math.abs(row.sides.domain.packets.copiesPerToken / row.expected - 1))
  return `${Number((100 * Math.max(...off)).toPrecision(2))} %`
}

function rangeText(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(2))
  return low === high ? `${low}` : `${low} to ${high}`
}

const NAMES = ['model', 'popularity', 'cards']

function nameCells({ model, popularity, cards }: PageRow): string[] {
  return [model.name, popularityText(popularity), `${cards}`]
}

export function pageBytesTable(rows: Rows): Section {
  const megabytes = (bytes: number): string => `${Number((bytes / 1e6).toPrecision(3))} MB`
  return {
    title: 'Bytes of a step',
    table: {
      titles: [
        ...[...NAMES, 'copies of a token', 'closed form, uniform', 'dispatch, table'],
        ...['combine, table', 'dispatch, per expert', 'combine, per expert'],
        'per expert / table',
      ],
      rows: rows.map((row) => [
        ...nameCells(row),
        row.sides.domain.packets.copiesPerToken.toFixed(2),
        row.expected.toFixed(2),
        ...[row.sides.domain, row.sides.expert].flatMap(({ packets }) => [
          megabytes(packets.dispatchBytes),
          megabytes(packets.combineBytes),
        ]),
        bytesRatio(row).toFixed(2),
      ]),
    },
  }
}

export function pageTimesTable(rows: Rows): Section {
  const ms = ({ seconds }: StepResult): string => `${(1000 * seconds).toFixed(0)} ms`
  return {
    title: 'Time of a step, network and experts',
    table: {
      titles: [
        ...[...NAMES, 'table', 'of that network', 'flows', 'per expert', 'of that network'],
        ...['flows', 'per expert / table'],
      ],
      rows: rows.map((row) => [
        ...nameCells(row),
        ...[row.sides.domain, row.sides.expert].flatMap(({ packets, flows }) => [
          ms(packets),
          `${(1000 * packets.networkS).toFixed(0)} ms`,
          ms(flows),
        ]),
        timeRatio(row).toFixed(2),
      ]),
    },
  }
}

export function pageChanges(rows: Rows): Section {
  const skewed = rows.filter(({ popularity }) => popularity.kind === 'zipf')
  const copies = skewed.map(({ sides, expected }) => sides.domain.packets.copiesPerToken / expected)
  const skew =
    skewed.length === 0
      ? ''
      : `Popularity: where experts are as popular as Zipf with exponent 1 has it, a token needs ${rangeText(copies)} times the copies of uniform routing, as placement spreads the popular ones. `
  return {
    title: 'What could change it',
    paragraphs: [
      `${skew}Tokens choose their experts independently here. Where experts fire together and placement puts them together, as the fleet can from samples, fewer copies are needed and the table saves more; so it does with more cards to a host, and with routers that keep to few hosts. Faster ports leave more of the step to the cards, so that it saves less.`,
    ],
  }
}
