/**
 * A model whose experts compute with small integers: each has a column of the result of its own, so
 * that a pair which is missing, added twice or made with a wrong page shows whatever else happens.
 * All sums stay below 2^24 and so are exact in any order.
 */
import { defined } from '../../src/base/assert.js'
import type { ExpertRecord } from '../../src/base/expert.js'
import type { Prng } from '../../src/base/prng.js'
import { NO_EXPERT } from '../../src/fleet/partition.js'
import type { RegionCall } from '../../src/fleet/region-call.js'
import { allocateNative } from '../../src/native/memory.js'

export type IntegerRegion = {
  readonly experts: number
  readonly pageBytes: number
  readonly nUsed: number
}

export type IntegerModel = {
  readonly regions: readonly IntegerRegion[]
  readonly records: readonly ExpertRecord[]
}

export const TOKENS_MAX = 16
const WIDTH_MAX = 128
const INPUT = allocateNative(4 * TOKENS_MAX * WIDTH_MAX)
const OUTPUT = allocateNative(4 * TOKENS_MAX * WIDTH_MAX)
/** A value no sum has. */
const UNWRITTEN = -1

/** What is in a page; no two are the same. */
export function contentOf(region: number, expert: number): number {
  return 1 + ((31 * region + 17 * expert) % 97)
}

export function makeModel(regions: readonly IntegerRegion[], width: number): IntegerModel {
  const records = regions.map(({ experts, nUsed }, layer) =>
    recordOf({ layer, experts, nUsed, width }),
  )
  return { regions, records }
}

type Size = { layer: number; experts: number; nUsed: number; width: number }

function recordOf({ layer, experts, nUsed, width }: Size): ExpertRecord {
  const projection = { hasScale: false, hasBias: false, precision: [0, 0] } as const
  return {
    ...{ layer, group: '', nEmbd: width, nFf: 1, nUsed, nExpert: experts, weights: 'after' },
    nOut: Math.max(width, experts),
    projections: [
      { role: 'up', ...projection },
      { role: 'down', ...projection },
    ],
    activation: [],
  }
}

/** A step of random choices. Only one at a time: they share their memory. */
export function drawCall(model: IntegerModel, prng: Prng): RegionCall {
  const region = prng.nextBelow(model.regions.length)
  const record = defined(model.records[region], 'a record')
  const { nUsed, nExpert, nEmbd, nOut } = record
  const tokens = 1 + prng.nextBelow(prng.nextBelow(3) === 0 || nEmbd > 4 ? TOKENS_MAX : 4)
  const experts = new Int32Array(tokens * nUsed)
  const weights = new Float32Array(tokens * nUsed)
  for (let token = 0; token < tokens; token++) {
    // Neighbours from a random one on: distinct, and often the same as of other tokens.
    const first = prng.nextBelow(nExpert)
    const stride = 1 + prng.nextBelow(Math.max(1, Math.floor(nExpert / nUsed)))
    for (let slot = 0; slot < nUsed; slot++) {
      const isGap = slot > 0 && prng.nextBelow(40) === 0
      experts[token * nUsed + slot] = isGap ? NO_EXPERT : (first + slot * stride) % nExpert
      weights[token * nUsed + slot] = 1 + prng.nextBelow(3)
    }
  }
  const from = prng.nextBelow(50)
  for (let i = 0; i < tokens * nEmbd; i++) INPUT.f32[i] = 1 + ((from + i) % 61)
  OUTPUT.f32.fill(UNWRITTEN, 0, tokens * nOut)
  const choice = { tokens, nUsed, experts, weights }
  return { region, record, choice, input: INPUT.address, output: OUTPUT.address }
}

/** What an expert adds to its column of the result. */
export function columnOf(
  { weight, content }: { weight: number; content: number },
  row: {
    readonly f32: Float32Array
    readonly at: number
    readonly expert: number
    readonly width: number
  },
): number {
  return weight * content * (row.f32[row.at + (row.expert % row.width)] ?? 0)
}

const expected = new Float32Array(TOKENS_MAX * WIDTH_MAX)

/** What is wrong with the result of a call, if anything. */
export function faultOf({ region, record, choice }: RegionCall): string | undefined {
  const { tokens, nUsed, experts, weights } = choice
  const { nEmbd: width, nOut } = record
  expected.fill(0, 0, tokens * nOut)
  for (let pair = 0; pair < tokens * nUsed; pair++) {
    const expert = experts[pair] ?? NO_EXPERT
    if (expert === NO_EXPERT) continue
    const token = Math.floor(pair / nUsed)
    const made = { weight: weights[pair] ?? 0, content: contentOf(region, expert) }
    const value = columnOf(made, { f32: INPUT.f32, at: token * width, expert, width })
    expected[token * nOut + expert] = (expected[token * nOut + expert] ?? 0) + value
  }
  for (let at = 0; at < tokens * nOut; at++) {
    if (OUTPUT.f32[at] === expected[at]) continue
    const token = Math.floor(at / nOut)
    const where = `token ${token}, expert ${at % nOut} of region ${region}`
    return `${where}: ${OUTPUT.f32[at]} instead of ${expected[at]}`
  }
  return undefined
}
