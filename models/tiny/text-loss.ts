/** The loss of a text under a model, cut into windows as evaluate.py does. */

import type { PlainModel } from './plain-model.js'

export type Loss = { readonly nats: number; readonly bytes: number }

/**
 * Loss of a whole text after the model's token that begins one. Windows share one token, so that
 * every token is predicted exactly once.
 */
export function textLoss(model: PlainModel, text: string): Loss {
  const { vocab, window } = model
  const tokens = [vocab.eos, ...vocab.tokenize(text, { addSpecial: false, parseSpecial: false })]
  let nats = 0
  for (let start = 0; start + 1 < tokens.length; start += window) {
    nats += windowNats(model, tokens.slice(start, start + window + 1))
  }
  return { nats, bytes: Buffer.byteLength(text) }
}

export function bitsPerByte({ nats, bytes }: Loss): number {
  return nats / Math.LN2 / bytes
}

/** Loss of all tokens of a window but the first. */
function windowNats(model: PlainModel, tokens: readonly number[]): number {
  const width = model.vocab.size
  const logits = model.logits(tokens.slice(0, -1))
  return tokens.slice(1).reduce((nats, token, row) => {
    const values = logits.subarray(row * width, (row + 1) * width)
    return nats + logSumExp(values) - (values[token] ?? 0)
  }, 0)
}

function logSumExp(values: Float32Array): number {
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  let sum = 0
  for (const value of values) sum += Math.exp(value - largest)
  return largest + Math.log(sum)
}
