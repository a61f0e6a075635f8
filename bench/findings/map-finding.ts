/** Finding 3: where home fleets win and lose against racks, by network speed and users at once. */
import type { Section } from '../../src/chart/html-page.js'
import { findRack } from '../../src/plan/catalog/racks.js'
import { COST_OPTIONS, type CostOptions } from '../../src/plan/cost/options.js'
import { NICS } from '../../src/plan/economics/nic-prices.js'
import { resolveModel } from '../../src/plan/model/resolve-model.js'
import type { Workload } from '../../src/plan/workload.js'
import { resolveWorkload } from '../../src/plan/workload-file.js'
import { BASES, type CostMap, homeCells, type MapRequest, rackCosts, scoreOf } from './cost-map.js'
import type { Finding, FindingMaker, FindingOptions } from './finding.js'
import { answerSection, type Change } from './map-answer.js'
import {
  checkSection,
  mapSections,
  placesSection,
  ratiosOfMap,
  scoreText,
  stepShares,
  summarySection,
  TITLES,
} from './map-tables.js'
import type { Terms } from './offers.js'
import { rackChecks } from './rack-check.js'

const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

/** Domains of four cards: as few as hold it, twice and four times as many. */
const CASES = [
  { model: 'deepseek-r1', weights: 'fp8/mxfp4', hosts: [4, 8, 16] },
  { model: 'gpt-oss-120b', weights: undefined, hosts: [1, 2, 4] },
] as const
const RACK_IDS = ['gb200-nvl72', '8xh100'] as const
const TERMS: readonly Terms[] = ['own', 'rent']

export const mapFinding: FindingMaker = {
  number: 3,
  about: 'cost of a token by network speed and users: home fleets against racks',
  make,
}

function make({ isQuick, say }: FindingOptions): Finding {
  const workload = { ...resolveWorkload('1k1k'), batches: BATCHES }
  const requests = CASES.slice(0, isQuick ? 1 : CASES.length).flatMap((one) =>
    requestsOf(one, workload),
  )
  say('finding 3: what fleets and racks cost')
  const maps = requests.flatMap(mapsOf)
  const owned = requests.filter(({ terms }) => terms === 'own')
  const checks = rackChecks(
    owned.map(({ model }) => model),
    workload,
  )
  const shares = stepShares(requests)
  say('finding 3: what would change it')
  const changes = changesOf(requests, workload)
  return {
    number: 3,
    title: 'Where home fleets win and lose, by network speed and users at once',
    sections: [
      answerSection({ maps, checks, shares, changes, workload }),
      summarySection(maps, checks),
      placesSection(shares),
      ...mapSections(maps),
      checkSection(maps, checks),
      changesSection(changes),
    ],
  }
}

function requestsOf(
  { model, weights, hosts }: (typeof CASES)[number],
  workload: Workload,
): MapRequest[] {
  return TERMS.map((terms) => ({
    model: resolveModel(model, { weights }),
    ...{ hosts, workload, nics: NICS, terms },
    rackPricing: terms === 'own' ? 'hyperscaler' : 'rent',
  }))
}

function mapsOf(request: MapRequest): CostMap[] {
  const home = homeCells(request)
  return RACK_IDS.map(findRack).map((rack) => ({
    ...{ request, rack, home },
    costs: rackCosts(rack, request),
  }))
}

function changesOf(requests: readonly MapRequest[], workload: Workload): Change[] {
  const change = (text: string, changed: Partial<MapRequest>): Change => ({
    text,
    maps: requests.flatMap((one) => mapsOf({ ...one, ...changed })),
  })
  const inTurns: CostOptions = { ...COST_OPTIONS, microBatches: 2 }
  return [
    change('as above', {}),
    change('two micro-batches take turns between head and experts', { options: inTurns }),
    change("the same, and each layer split over all of the head's cards", {
      options: { ...inTurns, headSplit: 'tensor' },
    }),
    change('owned cards at list prices', { cardPrice: 'list' }),
    change('racks at what is asked on demand (GB200 $10.58, H100 $3.99 a card)', {
      rackPricing: 'on-demand',
    }),
    change('users come in three tenths of the day: what is owned is paid for all day', {
      workload: { ...workload, utilisation: 0.3 },
    }),
    change('prompts of 128 tokens', { workload: { ...workload, promptTokens: 128 } }),
  ]
}

function changesSection(changes: readonly Change[]): Section {
  return {
    title: 'What could change it',
    paragraphs: [
      'Cells that fleets win over all maps, and how their costs compare, after one change of the assumptions. The engine does not take turns with micro-batches yet. Several heads, each with users of its own on the same experts, would put the waiting cards to work; the model of costs has one head.',
    ],
    table: {
      titles: ['change', ...BASES.map((basis) => TITLES[basis])],
      rows: changes.map(({ text, maps }) => {
        const ratios = maps.flatMap(ratiosOfMap)
        return [text, ...BASES.map((basis) => scoreText(scoreOf(ratios, basis)))]
      }),
    },
  }
}
