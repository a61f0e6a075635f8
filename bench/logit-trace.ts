/** Logits of a fixed text under a configuration, to compare with those under another one. */
import { fixedTokens } from '../src/engine/fixed-tokens.js'
import type { Runtime } from '../src/engine/runtime.js'
import type { Subject } from '../src/engine/speed.js'
import { type SubjectSpec, withSubjects } from './support.js'

const PREFILL_BATCHES = 2
const STEPS = 32

/** Rows of prefill in batches, then of single steps; the text does not depend on the logits. */
export function traceLogits(spec: SubjectSpec): Promise<Float32Array[]> {
  return withSubjects([spec], ([subject]) => trace(subject as Subject))
}

function trace({ runtime }: Subject): Float32Array[] {
  const { outputsMax, vocab } = runtime
  const prompt = PREFILL_BATCHES * outputsMax
  const tokens = fixedTokens(prompt + STEPS, { sequence: 0, vocabSize: vocab.size })
  const rows: Float32Array[] = []
  for (let at = 0; at < prompt; at += outputsMax) {
    rows.push(...decodeRows(runtime, tokens.slice(at, at + outputsMax), at))
  }
  for (let at = prompt; at < tokens.length; at++) {
    rows.push(...decodeRows(runtime, tokens.slice(at, at + 1), at))
  }
  return rows
}

/** Copies of the logits of all these tokens. */
export function decodeRows(
  runtime: Runtime,
  tokens: readonly number[],
  from: number,
): Float32Array[] {
  runtime.batch.clear()
  tokens.forEach((token, index) => {
    runtime.batch.add(token, { position: from + index, sequence: 0, output: true })
  })
  runtime.decode()
  return tokens.map((_, row) => runtime.logits(row).slice())
}
