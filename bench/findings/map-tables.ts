/** Finding 3 as text and tables; every sentence with a number in it is made from the map. */
import { heatMap } from '../../src/chart/heat-map.js'
import type { Section } from '../../src/chart/html-page.js'
import { stepSeconds } from '../../src/plan/cost/load.js'
import { percent, usd } from '../../src/plan/numbers.js'
import {
  BASES,
  type Basis,
  type CostMap,
  type MapRequest,
  type Ratios,
  ratiosOf,
  type Score,
  scoreOf,
} from './cost-map.js'
import { HomeFleets, type Point, pointsOf, type Terms } from './offers.js'
import { offBy, type RackCheck } from './rack-check.js'

export const TITLES: Readonly<Record<Basis, string>> = {
  whole: 'all of it',
  part: 'cheapest part',
  sameSpeed: 'shared, as fast',
  best: 'shared, its best',
}

export function ratiosOfMap({ home, costs }: CostMap): Ratios[] {
  return home.flat().flatMap((cell) => ratiosOf(cell, costs) ?? [])
}

export function nameOf({ request, rack }: CostMap): string {
  return `${request.model.name}, ${termsText(request.terms)}, ${rack.name}`
}

function termsText(terms: Terms): string {
  return terms === 'own' ? 'owned' : 'rented'
}

/** `0.19`, `4.1`, `1,900`; never 1 for what is below. */
export function ratioText(ratio: number): string {
  const digits = ratio > 0.99 && ratio < 1.05 ? 3 : 2
  return Number(ratio.toPrecision(digits)).toLocaleString('en-US', { maximumFractionDigits: 6 })
}

export function scoreText({ won, cells, lowest, highest }: Score): string {
  if (cells === 0) return '-'
  return `${won} of ${cells} (${ratioText(lowest)} to ${ratioText(highest)})`
}

export function summarySection(maps: readonly CostMap[], checks: readonly RackCheck[]): Section {
  return {
    title: 'Cells won, and cost of the fleet over that of the rack',
    paragraphs: [
      'A cell is a network speed and a number of users that fleet and rack both can serve within the limits. "All of it" and "cheapest part": the rack serves only the same users. "Shared": others fill it, either so far that each user still is as fast as in the fleet, or as far as pays best. Last column: wins left against all of it if the rack were as much better than predicted as the measured run of the same workload that beats its prediction most.',
    ],
    table: {
      titles: [
        ...['model', 'paid', 'rack', 'an hour'],
        ...BASES.map((basis) => TITLES[basis]),
        'left if as measured',
      ],
      rows: maps.map((map) => {
        const { request, rack, costs } = map
        const ratios = ratiosOfMap(map)
        const { better } = offBy(checks, rack, request)
        return [
          ...[request.model.name, termsText(request.terms), rack.name, usd(costs.hourUsd)],
          ...BASES.map((basis) => scoreText(scoreOf(ratios, basis))),
          `${scoreOf(ratios, 'whole', better).won}`,
        ]
      }),
    },
  }
}

const ALONE = ['whole', 'part'] as const

export function mapSections(maps: readonly CostMap[]): Section[] {
  const legend: Section = {
    title: 'The maps',
    paragraphs: [
      'Rows: speed of every port. Columns: users at once. A cell is the cost of the cheapest fleet over that of all of the rack / of its cheapest part that will do, each for the same users; below 1 the fleet wins. "slow": no fleet keeps the limits; "full": no fleet has room; "-": the rack cannot.',
    ],
  }
  return [legend, ...maps.map(mapSection)]
}

function mapSection(map: CostMap): Section {
  const { request, home, costs } = map
  const cells = (row: CostMap['home'][number]): string[] =>
    row.map((cell) => {
      if (!('point' in cell)) return cell.problem
      const ratios = ratiosOf(cell, costs)
      return ALONE.map((basis) => markedRatio(ratios?.[basis])).join(' / ')
    })
  const ports = request.nics.map(({ name }) => name)
  const users = request.workload.batches.map(String)
  return {
    title: nameOf(map),
    table: {
      titles: ['every port', ...users],
      rows: home.map((row, at) => [ports[at] ?? '', ...cells(row)]),
    },
    charts: BASES.map((basis) =>
      heatMap({
        title: `cost of the fleet over that of the rack, ${TITLES[basis]}`,
        x: { title: 'users at once', labels: users },
        y: { title: 'every port', labels: ports },
        values: home.map((row) => row.map((cell) => ratiosOf(cell, costs)?.[basis])),
        middle: 1,
        scale: 'log',
        above: 'rack is cheaper',
        below: 'fleet is cheaper',
        format: ratioText,
      }),
    ),
  }
}

function markedRatio(ratio: number | undefined): string {
  if (ratio === undefined) return '-'
  return ratio < 1 ? `**${ratioText(ratio)}**` : ratioText(ratio)
}

export function checkSection(maps: readonly CostMap[], checks: readonly RackCheck[]): Section {
  const owned = maps.filter(({ request }) => request.terms === 'own')
  const factors = owned.map(({ rack, request }) => {
    const { better, worse } = offBy(checks, rack, request)
    const name = `${request.model.name}, ${rack.name}`
    return `${name}: ${better.toFixed(2)} and ${worse.toFixed(2)}`
  })
  const promptTokens = Math.max(...owned.map(({ request }) => request.workload.promptTokens))
  const longer = Math.max(
    ...checks
      .filter((one) => one.promptTokens > promptTokens)
      .map(({ measured, mapped = measured }) => measured / mapped),
  )
  return {
    title: 'The racks of the map beside measured runs',
    paragraphs: [
      'InferenceX benchmark (docs/calibration.md); tokens count prompt and answer. "Map, as fast": what the rack of the map makes for users as fast as measured ("-": it is never that fast). "Map, as many": its TPOT with as many users to a card ("-": they have no room). "Set up alike": the same model of costs with drafts and with cards divided between prompts and answers, as the runs had them; the racks of the map have neither.',
      `By how many times measured runs with ${promptTokens} tokens in are better than the map, and worse than the model set up alike, at most: ${factors.join('; ')}. With longer prompts they do up to ${longer.toFixed(1)} times as much as the map, as their cards were divided. For DeepSeek-R1 H100s had weights in 8 bits and six servers where the map has 4 bits and one, which speaks for the H100 of the map. Where the map makes much more than was measured, it has many more users to a card than anyone tried (64 on two H100s with gpt-oss-120b): that part rests on the model of costs alone.`,
      'Two constants of data-centre cards are fitted to a few such runs. The 4090 and the 5090 are taken to stay as far from their data sheets, which nobody measured, and a home program to lose no time between steps, which flatters the fleet. So where it loses by less than these factors it might win, where it wins by less it might lose.',
    ],
    table: {
      titles: [
        ...['run', 'TPOT', 'map, as many', 'measured tok/s a card', 'map, as fast'],
        ...['map / measured', 'set up alike', 'alike / measured'],
      ],
      rows: checks.map(checkRow),
    },
  }
}

function checkRow({ id, measured, mapped, tpotS, mappedS, alike }: RackCheck): string[] {
  const ms = (seconds: number | undefined): string =>
    seconds === undefined ? '-' : `${(1000 * seconds).toFixed(1)} ms`
  const beside = (value: number | undefined): string[] =>
    value === undefined ? ['-', '-'] : [value.toFixed(0), (value / measured).toFixed(2)]
  return [...[id, ms(tpotS), ms(mappedS), measured.toFixed(0)], ...beside(mapped), ...beside(alike)]
}

/** Of a step of a fleet; all make up 1. */
export type Shares = {
  readonly model: string
  readonly fleet: string
  readonly port: string
  readonly tpotS: number
  readonly head: number
  readonly network: number
  readonly experts: number
}

export const PLACES_USERS = 64

/** How a step of the smallest 5090 fleet divides, by network speed. */
export function stepShares(requests: readonly MapRequest[]): Shares[] {
  return requests
    .filter(({ terms }) => terms === 'own')
    .flatMap(({ model, hosts, workload, nics }) => {
      const fleets = new HomeFleets(model, { hosts: hosts.slice(0, 1), terms: 'own' })
      const asked = { model, workload: { ...workload, batches: [PLACES_USERS] } }
      return nics.flatMap((nic) => {
        const fleet = fleets.withPorts(nic).at(-1)
        const point = fleet === undefined ? undefined : pointsOf(fleet, asked)[0]
        if (fleet === undefined || point === undefined) return []
        return [{ model: model.name, fleet: fleet.name, port: nic.name, ...sharesOf(point) }]
      })
    })
}

function sharesOf({ tpotS, parts }: Point): Omit<Shares, 'model' | 'fleet' | 'port'> {
  const step = stepSeconds(parts)
  const network = (parts.dispatch + parts.combine) / step
  const experts = parts.experts / step
  return { tpotS, head: 1 - network - experts, network, experts }
}

export function placesSection(shares: readonly Shares[]): Section {
  return {
    title: 'Where the time goes',
    paragraphs: [
      `A step of ${PLACES_USERS} users, prompts included, by who works while the others wait.`,
    ],
    table: {
      titles: ['model', 'fleet', 'every port', 'a token', 'head', 'network', 'cards with experts'],
      rows: shares.map(({ model, fleet, port, tpotS, head, network, experts }) => [
        ...[model, fleet, port, `${(1000 * tpotS).toFixed(0)} ms`],
        ...[head, network, experts].map(percent),
      ]),
    },
  }
}
