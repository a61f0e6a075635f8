/**
 * How many bits a weight takes in each format, its scales included. Knows nothing of which card can
 * compute in which.
 */
import { SputnikError } from '../../base/errors.js'
import { TENSOR_TYPES } from '../../gguf/types.js'
import type { WeightBits } from './shape.js'

/** Formats of published checkpoints that are no ggml type. */
const CHECKPOINT_BITS = {
  /** One f32 for a block of 128x128 (README_WEIGHTS.md of DeepSeek-V3). */
  fp8: 8 + 32 / (128 * 128),
  /** One exponent for 32 values (OCP Microscaling Formats, 2023). */
  mxfp8: 8 + 8 / 32,
  /** One bf16 for 32 values (config.json of Kimi-K2-Thinking). */
  int4: 4 + 16 / 32,
} as const

/** ggml types that hold activations, indices or sums, but no weights. */
const NO_WEIGHTS: readonly string[] = ['q8_1', 'q8_K', 'i8', 'i16', 'i32', 'i64', 'f64']

/** Bits of one weight by the name of its format, as `--weights` takes it. */
const WEIGHT_FORMATS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(CHECKPOINT_BITS),
  ...Object.entries(TENSOR_TYPES)
    .filter(([name]) => !NO_WEIGHTS.includes(name))
    .map(([name, { blockSize, blockBytes }]): [string, number] => [
      name,
      (8 * blockBytes) / blockSize,
    ]),
])

/**
 * `fp8`, or `bf16/mxfp4` for trunk and experts apart. A checkpoint in fp8 keeps the embedding and
 * the output head in bf16.
 * @throws SputnikError USAGE when there is no such format
 */
export function weightBits(text: string): WeightBits {
  const [trunk = '', experts = trunk, ...rest] = text.split('/')
  if (rest.length > 0) throw unknownFormat(text)
  const bits = { trunk: formatBits(trunk), experts: formatBits(experts) }
  return trunk === 'fp8' ? { ...bits, embedding: formatBits('bf16') } : bits
}

function formatBits(name: string): number {
  const bits = WEIGHT_FORMATS.get(name)
  if (bits === undefined) throw unknownFormat(name)
  return bits
}

function unknownFormat(text: string): SputnikError {
  const names = [...WEIGHT_FORMATS.keys()].join(', ')
  return new SputnikError(
    'USAGE',
    `--weights: "${text}" is no format, nor two as in bf16/mxfp4 for trunk and experts; ` +
      `there are ${names}`,
  )
}
