/**
 * Checks what export.py wrote: plain libllama must cut the held-out text into the same tokens and
 * give the same logits. Call: `node check.js FOLDER`.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compareRows } from '../../src/engine/logit-comparison.js'
import { type HeldOutFile, readHeldOut } from './held-out.js'
import { PlainModel } from './plain-model.js'

/** Normalised mean-square error that two frameworks may differ by in f32. */
const TOLERANCE = 1e-4

function countTokenDifferences(model: PlainModel, { parts }: HeldOutFile): number {
  let differences = 0
  for (const { text, tokens } of parts) {
    const found = model.vocab.tokenize(text, { addSpecial: false, parseSpecial: false })
    differences += Math.abs(found.length - tokens.length)
    differences += tokens.filter((token, i) => i < found.length && token !== found[i]).length
  }
  return differences
}

function toRows(values: Float32Array, width: number): Float32Array[] {
  const rows = values.length / width
  return Array.from({ length: rows }, (_, i) => values.slice(i * width, (i + 1) * width))
}

function readFloats(path: string): Float32Array {
  const bytes = readFileSync(path)
  return new Float32Array(new Uint8Array(bytes).buffer)
}

function main(folder: string): void {
  const heldOut = readHeldOut(folder)
  const model = new PlainModel(join(folder, 'model-f32.gguf'), { threads: 2, kvType: 'f32' })
  const width = model.vocab.size
  const reference = toRows(readFloats(join(folder, 'reference.f32')), width)
  const tokens = heldOut.parts[0]?.tokens.slice(0, reference.length) ?? []
  const comparison = compareRows(reference, toRows(model.logits(tokens), width))
  const tokenDifferences = countTokenDifferences(model, heldOut)
  const total = heldOut.parts.reduce((sum, part) => sum + part.tokens.length, 0)
  model.free()
  const isGood = tokenDifferences === 0 && comparison.normalisedError <= TOLERANCE
  console.log(JSON.stringify({ tokens: total, tokenDifferences, ...comparison, isGood }, null, 2))
  if (!isGood) process.exitCode = 1
}

main(process.argv[2] ?? '.')
