/**
 * Hashes the metadata of a model that change what it computes, the same for every way of cutting it
 * into files. Knows nothing of tensors.
 */
import type { Hash } from 'node:crypto'
import type { GgufModel } from '../gguf/reader.js'
import type { GgufScalar, GgufValue } from '../gguf/types.js'

/** What only describes a model or its files: names, authors, how it was cut and quantised. */
const DESCRIPTION = /^(split|general|quantize)\./
const ARCHITECTURE_KEY = 'general.architecture'

/** Elements that become one text; a vocabulary has a quarter of a million. */
const BATCH = 4096

export function hashMetadata(model: GgufModel, hash: Hash): void {
  const keys = [...model.metadata.keys()].filter(matters).toSorted()
  for (const key of keys) {
    const value = model.metadata.get(key)
    if (value !== undefined) hashValue({ model, key, value }, hash)
  }
}

function matters(key: string): boolean {
  return key === ARCHITECTURE_KEY || !DESCRIPTION.test(key)
}

function hashValue(
  { model, key, value }: { model: GgufModel; key: string; value: GgufValue },
  hash: Hash,
): void {
  if (value.type !== 'array') {
    hash.update(line([key, value.type, plain(value.value)]))
    return
  }
  hash.update(line([key, 'array', value.of, value.length]))
  const elements = model.getArray(key) ?? []
  for (let i = 0; i < elements.length; i += BATCH) {
    hash.update(line(elements.slice(i, i + BATCH).map(plain)))
  }
}

/** JSON has neither big integers nor NaN. */
function plain(value: GgufScalar): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function line(values: readonly (string | number)[]): string {
  return `${JSON.stringify(values)}\n`
}
