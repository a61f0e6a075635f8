/**
 * Opens a GGUF model, split or not, without loading tensor data: metadata, and where each tensor
 * lies. Knows nothing of what the tensors mean.
 */

import type { SputnikError } from '../base/errors.js'
import { invalidFile } from './file.js'
import type { GgufHeader } from './header.js'
import { readHeader } from './header.js'
import { openSplits } from './split.js'
import type { GgufScalar, GgufTensor, GgufValue } from './types.js'
import { readArray } from './values.js'

export type GgufFile = {
  readonly path: string
  readonly sizeBytes: number
  /** Absolute offset of the first tensor. */
  readonly dataOffset: number
}

export class GgufModel {
  /** The file to give to libllama: the first one of a split model. */
  readonly path: string
  readonly files: readonly GgufFile[]
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, GgufTensor>
  /** Value of `general.architecture`. */
  readonly architecture: string

  constructor(first: GgufHeader, others: readonly GgufHeader[]) {
    const headers = [first, ...others]
    this.path = first.path
    this.files = headers.map(({ path, sizeBytes, dataOffset }) => ({ path, sizeBytes, dataOffset }))
    this.metadata = first.metadata
    this.tensors = collectTensors(headers)
    this.architecture = this.#required('general.architecture')
  }

  /** A number, or undefined when the key is absent; GGUF_INVALID when it is of another type. */
  getNumber(key: string): number | undefined {
    const value = this.#scalar(key)
    if (value === undefined || typeof value === 'number') return value
    throw this.#wrongType(key, 'a number')
  }

  getString(key: string): string | undefined {
    const value = this.#scalar(key)
    if (value === undefined || typeof value === 'string') return value
    throw this.#wrongType(key, 'a string')
  }

  getBoolean(key: string): boolean | undefined {
    const value = this.#scalar(key)
    if (value === undefined || typeof value === 'boolean') return value
    throw this.#wrongType(key, 'a boolean')
  }

  /** Elements of an array, read from the file; undefined when the key is absent. */
  getArray(key: string): GgufScalar[] | undefined {
    const value = this.metadata.get(key)
    if (value === undefined) return undefined
    if (value.type !== 'array') throw this.#wrongType(key, 'an array')
    return readArray(value)
  }

  getNumbers(key: string): number[] | undefined {
    return this.getArray(key)?.map((element) => {
      if (typeof element === 'number') return element
      throw this.#wrongType(key, 'an array of numbers')
    })
  }

  getStrings(key: string): string[] | undefined {
    return this.getArray(key)?.map((element) => {
      if (typeof element === 'string') return element
      throw this.#wrongType(key, 'an array of strings')
    })
  }

  /** Elements of an array without reading them; 0 when the key is absent or no array. */
  arrayLength(key: string): number {
    const value = this.metadata.get(key)
    return value?.type === 'array' ? value.length : 0
  }

  /** A number of the architecture's own section, as in `qwen3moe.block_count`. */
  getModelNumber(name: string): number | undefined {
    return this.getNumber(`${this.architecture}.${name}`)
  }

  /** The same for a number that may be stated per layer; empty when the key is absent. */
  getModelNumbers(name: string): number[] {
    const key = `${this.architecture}.${name}`
    if (this.metadata.get(key)?.type === 'array') return this.getNumbers(key) ?? []
    const value = this.getNumber(key)
    return value === undefined ? [] : [value]
  }

  #scalar(key: string): GgufScalar | undefined {
    const value = this.metadata.get(key)
    if (value === undefined) return undefined
    if (value.type === 'array') throw this.#wrongType(key, 'a single value')
    return value.value
  }

  #required(key: string): string {
    const value = this.getString(key)
    if (value !== undefined) return value
    throw invalidFile(this.path, `the key "${key}" is missing`)
  }

  #wrongType(key: string, expected: string): SputnikError {
    return invalidFile(this.path, `"${key}" is not ${expected}`)
  }
}

/**
 * Reads the headers of a model and of all its split files. Any file of a split model may be named.
 * Throws GGUF_INVALID, GGUF_LIMIT, FILE_NOT_FOUND or FILE_UNREADABLE.
 */
export function openGguf(path: string): GgufModel {
  const named = readHeader(path)
  const { first, others } = openSplits(named)
  return new GgufModel(first, others)
}

function collectTensors(headers: readonly GgufHeader[]): Map<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>()
  for (const header of headers) {
    for (const tensor of header.tensors) {
      if (tensors.has(tensor.name)) {
        throw invalidFile(header.path, `the tensor "${tensor.name}" is in two split files`)
      }
      tensors.set(tensor.name, tensor)
    }
  }
  return tensors
}
