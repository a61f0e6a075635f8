import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ActivationStep, ExpertRecord } from '../../src/base/expert.js'
import { Prng } from '../../src/base/prng.js'
import type { Kernel } from '../../src/card/kernel.js'
import type { WireFormat } from '../../src/fabric/dispatch.js'
import type { WeightType } from '../../src/gguf/quantize.js'
import { testModel, wideModel } from '../support/models.js'
import {
  computeOnCard,
  loadOf,
  NaiveExperts,
  normalizedError,
  openKernel,
  recordOf,
  type Token,
} from './support.js'

const PAGES = [1, 2, 4, 5, 7]

type Variant = {
  readonly model: string
  readonly tensors: readonly string[]
  readonly activation: readonly ActivationStep[]
  readonly weights: ExpertRecord['weights']
}

const SWIGLU: ActivationStep = { op: 'glu', fn: 'SWIGLU', gate: 0, up: 1, alpha: 0, limit: 0 }
const WEIGHTS = ['gate.weight', 'up.weight', 'down.weight']
const SCALES = ['gate.scale', 'up.scale', 'down.scale']
const BIASES = ['gate.bias', 'up.bias', 'down.bias']

const VARIANTS: Readonly<Record<string, Variant>> = {
  'gate and up': {
    model: 'qwen3moe',
    tensors: WEIGHTS,
    activation: [SWIGLU],
    weights: 'after',
  },
  'gate and up with scales': {
    model: 'qwen3moe',
    tensors: [...WEIGHTS, ...SCALES],
    activation: [SWIGLU],
    weights: 'after',
  },
  'biases and scales': {
    model: 'gpt-oss',
    tensors: [...WEIGHTS, ...SCALES, ...BIASES],
    activation: [{ ...SWIGLU, fn: 'SWIGLU_OAI', alpha: 1.702, limit: 0.5 }],
    weights: 'after',
  },
  'biases alone': {
    model: 'gpt-oss',
    tensors: [...WEIGHTS, ...BIASES],
    activation: [{ ...SWIGLU, fn: 'SWIGLU_CLAMP', limit: 0.5 }],
    weights: 'after',
  },
  'gate and up in one tensor': {
    model: 'qwen3next',
    tensors: ['gate_up.weight', 'down.weight', 'down.scale'],
    activation: [SWIGLU],
    weights: 'after',
  },
  'weights before the experts': {
    model: 'llama4',
    tensors: WEIGHTS,
    activation: [SWIGLU],
    weights: 'before',
  },
  'no weights': { model: 'olmoe', tensors: WEIGHTS, activation: [SWIGLU], weights: 'none' },
  'up alone': {
    model: 'olmoe',
    tensors: ['up.weight', 'down.weight'],
    activation: [
      { op: 'unary', fn: 'RELU', x: 0 },
      { op: 'sqr', x: 2 },
    ],
    weights: 'after',
  },
  'many steps on halves of a tensor': {
    model: 'qwen3next',
    tensors: ['gate_up.weight', 'down.weight'],
    activation: [
      { op: 'clamp', x: 0, min: -Infinity, max: 0.5 },
      { op: 'scale', x: 2, scale: 1.5, bias: 0.25 },
      { op: 'unary', fn: 'SIGMOID', x: 3 },
      { op: 'mul', a: 2, b: 4 },
      { op: 'add', a: 5, b: 1 },
    ],
    weights: 'after',
  },
  'swapped gate and up': {
    model: 'olmoe',
    tensors: WEIGHTS,
    activation: [{ ...SWIGLU, fn: 'REGLU', gate: 1, up: 0 }],
    weights: 'before',
  },
}

function open(
  variant: Variant,
  { type = 'f32', nUsed = 3 }: { type?: WeightType; nUsed?: number },
) {
  const path = testModel(variant.model, type === 'f32' ? {} : { type })
  const load = loadOf(path, { tensors: variant.tensors, pages: PAGES })
  const record = recordOf(load, { ...variant, nUsed })
  return { kernel: openKernel(load, record), naive: new NaiveExperts(load, record) }
}

const WIDTH = 256

/** Tokens with the given numbers of experts, all different among those on the card. */
function drawTokens(counts: readonly number[], seed = 1): Token[] {
  const prng = Prng.fromSeed(seed)
  return counts.map((count) => {
    const experts = PAGES.map((expert) => ({ expert, key: prng.nextFloat() }))
    experts.sort((a, b) => a.key - b.key)
    return {
      x: Float32Array.from({ length: WIDTH }, () => prng.nextGaussian()),
      pairs: experts
        .slice(0, count)
        .map(({ expert }) => ({ expert, weight: Math.fround(0.1 + prng.nextFloat()) })),
    }
  })
}

function compare(
  { kernel, naive }: { kernel: Kernel; naive: NaiveExperts },
  tokens: readonly Token[],
  { bound, format }: { bound: number; format?: WireFormat },
): void {
  const found = computeOnCard(kernel, tokens, format)
  const error = normalizedError(
    found,
    rowsWanted(tokens, format?.isSummed ?? true).map((token) => naive.compute(token)),
  )
  assert.ok(error <= bound, `error ${error} for ${tokens.map(({ pairs }) => pairs.length)}`)
}

/** A row per token, or per pair: the pair alone is then the whole token. */
function rowsWanted(tokens: readonly Token[], isSummed: boolean): readonly Token[] {
  if (isSummed) return tokens
  return tokens.flatMap(({ x, pairs }) => pairs.map((pair) => ({ x, pairs: [pair] })))
}

const SHAPES: Readonly<Record<string, readonly number[]>> = {
  'one token, one expert': [1],
  'one token': [3],
  'a rectangle': [2, 2, 2, 2, 2],
  rounds: [1, 3, 2, 3, 1, 1, 2],
  'the same token count again': [3, 1, 1, 1, 1, 1, 2],
}

for (const [name, variant] of Object.entries(VARIANTS)) {
  test(`Kernel agrees with the slow twin: ${name}`, () => {
    const both = open(variant, {})
    for (const counts of Object.values(SHAPES)) {
      compare(both, drawTokens(counts), { bound: 1e-10 })
    }
  })
}

for (const type of ['f16', 'q8_0', 'q4_0', 'q4_K', 'mxfp4'] as const) {
  for (const name of ['gate and up', 'biases and scales', 'gate and up in one tensor']) {
    test(`Kernel agrees with the slow twin in ${type}: ${name}`, () => {
      const variant = VARIANTS[name]
      assert.ok(variant)
      const both = open(variant, { type })
      for (const counts of Object.values(SHAPES)) {
        compare(both, drawTokens(counts), { bound: 1e-3 })
      }
    })
  }
}

test('Kernel computes any mixture of shapes, whatever came before', () => {
  const variant = VARIANTS['gate and up']
  assert.ok(variant)
  const both = open(variant, {})
  const shapes = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(shapes, fc.nat(), (counts, seed) => {
      compare(both, drawTokens(counts, seed), { bound: 1e-10 })
    }),
    { numRuns: 20 },
  )
})

for (const dispatch of ['f32', 'bf16', 'q8_0'] as const) {
  test(`Kernel takes and gives encoded rows: ${dispatch}`, () => {
    const variant = VARIANTS['gate and up']
    assert.ok(variant)
    const both = open(variant, {})
    const format: WireFormat = { dispatch, combine: dispatch, isSummed: true }
    for (const counts of [[2], [2, 1, 3]]) {
      compare(both, drawTokens(counts), { bound: dispatch === 'f32' ? 1e-10 : 1e-3, format })
    }
  })
}

const UNSUMMED: WireFormat = { dispatch: 'f32', combine: 'f32', isSummed: false }

for (const [name, variant] of Object.entries(VARIANTS)) {
  test(`Kernel gives every pair its row when asked to: ${name}`, () => {
    const both = open(variant, {})
    for (const counts of Object.values(SHAPES)) {
      compare(both, drawTokens(counts), { bound: 1e-10, format: UNSUMMED })
      compare(both, drawTokens(counts), { bound: 1e-10 })
    }
  })
}

test('Kernel cuts large dispatches of pairs without a seam', () => {
  const variant = VARIANTS['biases and scales']
  assert.ok(variant)
  const both = open(variant, { nUsed: 1024 })
  const counts = ragged(3 * both.kernel.pieceTokens + 1)
  compare(both, drawTokens(counts), { bound: 1e-10, format: UNSUMMED })
  compare(both, drawTokens(counts), { bound: 1e-4, format: { ...UNSUMMED, combine: 'bf16' } })
})

for (const type of ['f32', 'q4_0', 'q4_K', 'mxfp4'] as const) {
  test(`Kernel gives a token the same sum in a rectangle and in rounds: ${type}`, () => {
    const variant = VARIANTS['gate and up']
    assert.ok(variant)
    const { kernel } = open(variant, { type })
    const tokens = drawTokens([3, 3, 3, 3, 3])
    const rectangle = computeOnCard(kernel, tokens)
    const rounds = computeOnCard(kernel, [...tokens, ...drawTokens([1], 2)])
    assert.ok(normalizedError(rounds, rectangle) <= 1e-12)
  })
}

const MANY = 60

for (const type of ['q4_0', 'iq4_nl', 'mxfp4'] as const) {
  for (const name of ['biases and scales', 'gate and up in one tensor', 'swapped gate and up']) {
    test(`Kernel computes slot by slot to the bit what it computes together: ${type}, ${name}`, () => {
      const variant = VARIANTS[name]
      assert.ok(variant)
      const { kernel } = open(variant, { type })
      if (process.arch === 'x64') assert.ok(kernel.isGroupExact)
      for (const counts of [new Array<number>(MANY).fill(3), ragged(MANY)]) {
        for (const isSummed of [true, false]) {
          const tokens = drawTokens(counts)
          const format: WireFormat = { dispatch: 'f32', combine: 'f32', isSummed }
          const alone = tokens.flatMap((token) => computeOnCard(kernel, [token], format))
          assert.deepEqual(computeOnCard(kernel, tokens, format), alone)
        }
      }
    })
  }
}

test('Kernel computes K quants slot by slot, but not when bits count', () => {
  const load = loadOf(wideModel({ type: 'q4_K' }), { tensors: WEIGHTS, pages: PAGES })
  const kernel = openKernel(load, recordOf(load, { activation: [SWIGLU], weights: 'after' }))
  const tokens = drawTokens(new Array<number>(MANY).fill(3))
  for (const format of [UNSUMMED, { ...UNSUMMED, isSummed: true }]) {
    const alone = tokens.flatMap((token) => computeOnCard(kernel, [token], format))
    const together = computeOnCard(kernel, tokens, format)
    const error = normalizedError(together, alone)
    if (format.isSummed) assert.ok(error <= 1e-5, String(error))
    else assert.deepEqual(together, alone)
  }
  if (process.arch === 'x64') assert.ok(kernel.canGroup && !kernel.isGroupExact)
})

function ragged(length: number): number[] {
  return Array.from({ length }, (_, i) => 1 + (i % 3))
}

test('Kernel cuts large dispatches into pieces without a seam', () => {
  const variant = VARIANTS['biases and scales']
  assert.ok(variant)
  // The piece is chosen for the most experts a token may have.
  const both = open(variant, { nUsed: 1024 })
  const { pieceTokens } = both.kernel
  assert.ok(pieceTokens > 1 && pieceTokens < 20, String(pieceTokens))
  const counts = ragged(3 * pieceTokens + 1)
  compare(both, drawTokens(counts), { bound: 1e-10 })
  compare(both, drawTokens(counts), {
    bound: 1e-4,
    format: { dispatch: 'bf16', combine: 'q8_0', isSummed: true },
  })
  compare(both, drawTokens(new Array<number>(2 * pieceTokens).fill(2)), { bound: 1e-10 })
})

test('Kernel takes as many experts per token as the record allows', () => {
  const variant = VARIANTS['gate and up']
  assert.ok(variant)
  const both = open(variant, { nUsed: 1024 })
  const [token, other] = drawTokens([3, 1])
  assert.ok(token && other)
  const pairs = Array.from({ length: 1024 }, (_, i) => ({
    expert: PAGES[i % PAGES.length] ?? 0,
    weight: 1 / 1024,
  }))
  const wide = { ...token, pairs }
  compare(both, [wide], { bound: 1e-10 })
  compare(both, [other, wide, other], { bound: 1e-10 })
})

test('Kernel refuses experts that are not on the card, and goes on', () => {
  const variant = VARIANTS['gate and up']
  assert.ok(variant)
  const both = open(variant, {})
  for (const expert of [0, 3, 8, 65535]) {
    for (const counts of [[2], [1, 2]]) {
      const [first, ...others] = drawTokens(counts)
      assert.ok(first)
      const stray = { ...first, pairs: [{ expert, weight: 1 }, ...first.pairs.slice(1)] }
      assert.throws(() => computeOnCard(both.kernel, [stray, ...others]), {
        code: 'PAGE_NOT_MAPPED',
        message: new RegExp(`expert ${expert} `),
      })
    }
  }
  compare(both, drawTokens([2]), { bound: 1e-10 })
})

test('Kernel of a region without pages refuses every expert', () => {
  const load = loadOf(testModel('olmoe'), { tensors: WEIGHTS, pages: [] })
  const kernel = openKernel(load, recordOf(load, { activation: [SWIGLU], weights: 'after' }))
  assert.throws(() => computeOnCard(kernel, drawTokens([2])), { code: 'PAGE_NOT_MAPPED' })
})
