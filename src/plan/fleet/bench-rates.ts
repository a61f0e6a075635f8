/**
 * What a card really does, from the output of `sputnik bench --json` on it: bytes it reads per
 * second while it decodes, operations per second while it reads a prompt. Pure.
 */
import { z } from 'zod'
import { flopsPerToken, promptScoreFlops, totalFlops } from '../model/flops.js'
import type { ModelShape } from '../model/shape.js'
import { kvBytes, pageBytes, trunkBytesPerStep } from '../model/sizes.js'
import { checkPlan } from '../plan-file.js'
import type { CardGroup } from './fleet.js'

const SPEEDS = z.array(z.looseObject({ name: z.string(), median: z.number().min(0) })).min(1)

/** As far as a plan looks at it; a newer version may say more. */
const REPORT = z.looseObject({
  model: z.string().min(1),
  prompt: z.int().min(1),
  generate: z.int().min(1),
  prefill: SPEEDS,
  decode: SPEEDS,
})

export type BenchFile = z.output<typeof REPORT>

/** @throws SputnikError PLAN_INVALID */
export function readBenchReport(json: unknown, source: string): BenchFile {
  return checkPlan(REPORT, json, { source, fields: [] })
}

/** `shape` is of the model that was measured. Both rates are what the card reached, no peaks. */
export function benchRates(
  report: BenchFile,
  shape: ModelShape,
): NonNullable<CardGroup['measured']> {
  const { prompt, generate } = report
  const context = prompt + generate / 2
  const bytes =
    trunkBytesPerStep(shape) +
    shape.moeLayers * shape.expertsUsed * pageBytes(shape) +
    kvBytes(shape, { tokens: context, valueBytes: 2 })
  // Of a prompt only the last token needs the output head.
  const flops = flopsPerToken(shape, { context: 0, phase: 'prefill' })
  const products = totalFlops(flops) - flops.outputHead
  const scores = promptScoreFlops(shape, { tokens: prompt, cached: 0 }) / prompt
  return {
    bytesPerSecond: bytes * fastest(report.decode),
    flopsPerSecond: (products + scores) * fastest(report.prefill),
  }
}

/** Tokens per second of the fastest of the ways that were measured. */
function fastest(speeds: BenchFile['decode']): number {
  return speeds.reduce((most, { median }) => Math.max(most, median), 0)
}
