/** Finding 1: one copy of a token for each domain (the two-level page table) or for each expert. */
import { findCard } from '../../src/plan/catalog/catalogue.js'
import { modelWork } from '../../src/plan/cost/model-work.js'
import { COST_OPTIONS } from '../../src/plan/cost/options.js'
import { UNIFORM } from '../../src/plan/cost/routing.js'
import { wireBytes } from '../../src/plan/fleet/wire-format.js'
import { resolveModel } from '../../src/plan/model/resolve-model.js'
import type { ModelShape } from '../../src/plan/model/shape.js'
import type { CopyPer } from '../../src/sim/moe/layer-load.js'
import { moeCards } from '../../src/sim/moe/moe-card.js'
import { type MoeOptions, USUAL_WIRE } from '../../src/sim/moe/moe-step.js'
import type { StepNetwork } from '../../src/sim/moe/step-networks.js'
import { type StepResult, StepRun } from '../../src/sim/moe/step-run.js'
import type { Popularity } from '../../src/sim/serving/popularity.js'
import type { Finding, FindingMaker, FindingOptions } from './finding.js'
import {
  type PageRow,
  pageAnswer,
  pageBytesTable,
  pageChanges,
  pageTimesTable,
  popularityText,
} from './page-tables.js'

export const pageFinding: FindingMaker = {
  number: 1,
  about: 'the two-level page table against one copy for each expert (some minutes)',
  make,
}

const MODELS = [
  { id: 'deepseek-v3', weights: 'fp8/mxfp4' },
  { id: 'kimi-k2', weights: 'fp8/mxfp4' },
  { id: 'qwen3-235b-a22b', weights: 'q4_K' },
] as const
const CARDS = [16, 32, 64, 128, 256]
const POPULARITIES: readonly Popularity[] = [UNIFORM, { kind: 'zipf', exponent: 1 }]

const SETUP = {
  cardsPerHost: 4,
  /** 16 of them hold any of the models. */
  card: 'rtx-pro-6000',
  tokens: 64,
  seed: 1,
  bytesPerSecond: 25 * 125e6,
  bufferBytes: 4e6,
  latencyS: 5e-6,
  warmUp: 24,
} as const

function make({ isQuick, say }: FindingOptions): Finding {
  const models = isQuick ? MODELS.slice(0, 1) : MODELS
  const popularities = isQuick ? POPULARITIES.slice(0, 1) : POPULARITIES
  const rows = models.flatMap(({ id, weights }) => {
    const model = resolveModel(id, { weights })
    return popularities.flatMap((popularity) =>
      CARDS.slice(0, isQuick ? 1 : CARDS.length).map((cards) => {
        say(`finding 1: ${model.name}, ${popularityText(popularity)}, ${cards} cards`)
        return rowOf(model, { popularity, cards })
      }),
    )
  })
  return {
    number: 1,
    title: 'The two-level page table against one copy for each expert',
    sections: [
      pageAnswer(rows, SETUP),
      pageBytesTable(rows),
      pageTimesTable(rows),
      pageChanges(rows),
    ],
  }
}

function rowOf(
  model: ModelShape,
  { popularity, cards }: { readonly popularity: Popularity; readonly cards: number },
): PageRow {
  const domains = cards / SETUP.cardsPerHost
  const { routing } = modelWork(model, COST_OPTIONS)
  const side = (copyPer: CopyPer) => {
    const moe = moeOptions(model, { domains, popularity, copyPer })
    return { packets: play(moe, 'credits'), flows: play(moe, 'flows') }
  }
  return {
    ...{ model, popularity, cards },
    expected: domains * routing.holderChance(1 / domains),
    sides: { domain: side('domain'), expert: side('expert') },
  }
}

function play(moe: MoeOptions, network: StepNetwork): StepResult {
  const { tokens, bufferBytes, latencyS } = SETUP
  const warmUp = network === 'flows' ? 0 : SETUP.warmUp
  const run = new StepRun({ ...moe, network, tokens, bufferBytes, latencyS, warmUp })
  while (!run.isDone) run.advance()
  return run.result
}

function moeOptions(
  shape: ModelShape,
  given: Pick<MoeOptions, 'domains' | 'popularity' | 'copyPer'>,
): MoeOptions {
  const { cardsPerHost, seed, bytesPerSecond } = SETUP
  return {
    ...{ ...given, shape, seed, bytesPerSecond, layout: 'apart', replicas: 1 },
    ...moeCards({ card: findCard(SETUP.card), count: cardsPerHost }, shape),
    ...wireBytes(USUAL_WIRE),
  }
}
