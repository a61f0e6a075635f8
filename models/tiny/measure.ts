/**
 * Bits per byte of the held-out text for model files, by plain libllama. Call:
 * `node measure.js FOLDER MODEL.gguf...`, or with a text file in place of export.py's folder.
 */

import { readFileSync, statSync } from 'node:fs'
import { readHeldOut } from './held-out.js'
import { PlainModel } from './plain-model.js'
import { bitsPerByte, type Loss, textLoss } from './text-loss.js'

function readTexts(path: string): string[] {
  if (statSync(path).isFile()) return [readFileSync(path, 'utf8')]
  return readHeldOut(path).parts.map((part) => part.text)
}

function measure(path: string, texts: readonly string[]): Loss {
  const model = new PlainModel(path, { threads: 2, kvType: 'f16' })
  const losses = texts.map((text) => textLoss(model, text))
  model.free()
  return losses.reduce((a, b) => ({ nats: a.nats + b.nats, bytes: a.bytes + b.bytes }))
}

function main(source: string, models: readonly string[]): void {
  const texts = readTexts(source)
  for (const path of models) {
    const bits = bitsPerByte(measure(path, texts)).toFixed(5)
    console.log(`${path}: ${statSync(path).size} bytes, ${bits} bits per byte`)
  }
}

main(process.argv[2] ?? '.', process.argv.slice(3))
