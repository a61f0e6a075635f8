/**
 * Prints what tests and the README say of a model file: its size, and its loss on the excerpt. Call:
 * `node facts.js MODEL.gguf EXCERPT.txt`.
 */

import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { openGguf } from '../../src/gguf/reader.js'
import { elementCount } from '../../src/gguf/types.js'
import { PlainModel } from './plain-model.js'
import { bitsPerByte, textLoss } from './text-loss.js'

function main(path: string, excerptPath: string): void {
  const model = new PlainModel(path, { threads: 2, kvType: 'f16' })
  const loss = textLoss(model, readFileSync(excerptPath, 'utf8'))
  const gguf = openGguf(path)
  const facts = {
    file: basename(path),
    bytes: statSync(path).size,
    parameters: [...gguf.tensors.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0),
    vocabulary: model.vocab.size,
    contextLength: model.window,
    experts: gguf.getModelNumber('expert_count'),
    expertsUsed: gguf.getModelNumber('expert_used_count'),
    excerptBytes: loss.bytes,
    excerptBitsPerByte: Number(bitsPerByte(loss).toFixed(4)),
  }
  model.free()
  console.log(JSON.stringify(facts, null, 2))
}

main(process.argv[2] ?? '', process.argv[3] ?? '')
