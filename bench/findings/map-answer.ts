/** What finding 3 says in sentences, each made from the map. */
import type { Section } from '../../src/chart/html-page.js'
import { count, percent } from '../../src/plan/numbers.js'
import type { Workload } from '../../src/plan/workload.js'
import { BASES, type Basis, type CostMap, ratiosOf, type Score, scoreOf } from './cost-map.js'
import { PLACES_USERS, ratiosOfMap, ratioText, type Shares, TITLES } from './map-tables.js'
import { offBy, type RackCheck } from './rack-check.js'

/** One change of the assumptions, and the maps with it. */
export type Change = { readonly text: string; readonly maps: readonly CostMap[] }

export type Evidence = {
  readonly maps: readonly CostMap[]
  readonly checks: readonly RackCheck[]
  readonly shares: readonly Shares[]
  readonly changes: readonly Change[]
  readonly workload: Workload
}

export function answerSection(evidence: Evidence): Section {
  const { promptTokens, outputTokens, tpotS, ttftS } = evidence.workload
  return {
    paragraphs: [
      'Question: for which network speed and how many users at once does a fleet of 4090s or 5090s, head included, make tokens for less than a GB200 NVL72 or a server of 8 H100, owned and rented?',
      'Command: `npm run findings -- 3`. Cost model only; takes seconds. `--html <file>` draws the maps.',
      aloneText(evidence),
      sharedText(evidence),
      reasonText(evidence),
      `Workload: ${promptTokens} tokens in and ${outputTokens} out, work all day, at most ${1000 * tpotS} ms from token to token and ${ttftS} s to the first one. Fleets: the cheapest of one or two cards in the head and four to a domain, all 4090s or all 5090s, priced by the catalogue; dispatch in q8_0, combine in bf16; power at $0.30 a kWh. Racks: the same weights and the same model of costs; owned at what they cost a hyperscaler, rented at contract prices of early 2026, both kind to the rack.`,
    ],
  }
}

function total(maps: readonly CostMap[], basis: Basis): Score {
  return scoreOf(maps.flatMap(ratiosOfMap), basis)
}

/** Where the rack serves the same users and nobody else. */
function aloneText({ maps, changes }: Evidence): string {
  const whole = total(maps, 'whole')
  const part = total(maps, 'part')
  const partText =
    part.won === 0
      ? `in none, and ${ratioText(part.lowest)} times dearer at best: what it wins is that nobody pays for cards that stand idle, and who can take a few cards of a rack need not either.`
      : `in ${part.won}.`
  const most = changes.reduce<Change | undefined>(
    (a, b) => (partWins(b) > partWins(a) ? b : a),
    undefined,
  )
  return [
    'If the rack is there for the same users and nobody else:',
    `against all of it the fleet is cheaper in ${count(whole.won)} of ${count(whole.cells)} cells, at up to ${mostUsers(maps)} users;`,
    `against the cheapest part of it that will do for them it is cheaper ${partText}`,
    ...(most !== undefined && partWins(most) > part.won
      ? [
          `With one change most of that turns: ${most.text}, and the fleet is cheaper than the part in ${partWins(most)} of ${total(most.maps, 'part').cells}.`,
        ]
      : []),
  ].join(' ')
}

function partWins(change: Change | undefined): number {
  return change === undefined ? 0 : total(change.maps, 'part').won
}

function mostUsers(maps: readonly CostMap[]): number {
  const users = maps.flatMap((map) =>
    map.home.flat().flatMap((cell) => {
      const ratio = ratiosOf(cell, map.costs)?.whole
      return 'point' in cell && ratio !== undefined && ratio < 1 ? [cell.point.batch] : []
    }),
  )
  return Math.max(0, ...users)
}

const SHARED = BASES.filter((basis) => basis === 'sameSpeed' || basis === 'best')

/** The losing region. */
function sharedText({ maps, checks }: Evidence): string {
  const scores = SHARED.map((basis) => ({ basis, ...total(maps, basis) }))
  const wins = scores.filter(({ won }) => won > 0)
  const lowest = Math.min(...scores.map((score) => score.lowest))
  const left = SHARED.flatMap((basis) =>
    maps.map((map) => {
      const { worse } = offBy(checks, map.rack, map.request)
      return scoreOf(ratiosOfMap(map), basis, 1 / worse).lowest
    }),
  )
  const least = Math.min(...left)
  const verdict =
    wins.length === 0
      ? `the fleet loses everywhere: every cell of every map, owned or rented, by ${ratioText(lowest)} times at least. That is the losing region, and it is the whole map.`
      : `the fleet wins ${wins.map(({ basis, won, cells }) => `${won} of ${cells} cells (${TITLES[basis]})`).join(' and ')}.`
  const check =
    least > 1
      ? `If racks fell as short of the model of costs as the measured run of theirs that does most, it would still lose by ${ratioText(least)} times.`
      : 'If racks fell as short of the model of costs as the measured run of theirs that does most, some cells would turn.'
  return `If others fill the rack, ${verdict} ${check}`
}

function reasonText({ maps, shares }: Evidence): string {
  const fastest = lastOfEach(shares)
  const busy = fastest.map(
    ({ model, port, experts }) => `${percent(experts)} of a step for ${model} at ${port}`,
  )
  const slow = slowPorts(maps)
  return [
    `The reason: for ${PLACES_USERS} users the cards with experts work in ${busy.join(' and ')}, and wait for the head and the network in the rest of it; more of them cost more and wait longer.`,
    'A rack reads its weights once for thousands of users where the fleet reads them for dozens.',
    ...slow,
  ].join(' ')
}

/** The fastest port of each model. */
function lastOfEach(shares: readonly Shares[]): Shares[] {
  return [...new Map(shares.map((one) => [one.model, one])).values()]
}

function slowPorts(maps: readonly CostMap[]): string[] {
  const models = [...new Set(maps.map(({ request }) => request.model.name))]
  return models.flatMap((model) => {
    const own = maps.filter(({ request }) => request.model.name === model)
    const ports = (own[0]?.request.nics ?? [])
      .filter((_, at) => own.every(({ home }) => home[at]?.every((cell) => !('point' in cell))))
      .map(({ name }) => name)
    if (ports.length === 0) return []
    return [`${model} keeps the limits at no batch with ${ports.join(' or ')}.`]
  })
}
