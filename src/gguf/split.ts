/**
 * Models split over several files (`name-00001-of-00003.gguf`), in the scheme of llama.cpp's
 * gguf-split: the first file has the metadata, each has its number and the total counts.
 */

import { existsSync } from 'node:fs'
import { SputnikError } from '../base/errors.js'
import { invalidFile } from './file.js'
import type { GgufHeader } from './header.js'
import { readHeader } from './header.js'
import { GGUF_LIMITS } from './limits.js'

export const SPLIT_KEYS = {
  number: 'split.no',
  count: 'split.count',
  tensorCount: 'split.tensors.count',
} as const

const SPLIT_NAME = /^(?<prefix>.*)-(?<number>\d{5})-of-(?<count>\d{5})\.gguf$/s

/** Path of file `index` (from 0) of a split model. */
export function splitPath(prefix: string, of: { index: number; count: number }): string {
  const digits = (n: number): string => String(n).padStart(5, '0')
  return `${prefix}-${digits(of.index + 1)}-of-${digits(of.count)}.gguf`
}

/** All files of the model that `named` belongs to; just it when the model is not split. */
export function openSplits(named: GgufHeader): { first: GgufHeader; others: GgufHeader[] } {
  const count = keyNumber(named, SPLIT_KEYS.count) ?? 1
  if (count <= 1) return { first: named, others: [] }
  if (count > GGUF_LIMITS.splits) {
    throw invalidFile(named.path, `it claims ${count} split files, at most ${GGUF_LIMITS.splits}`)
  }
  const paths = siblingPaths(named.path, count)
  const [first, ...others] = paths.map((path, index) => openSibling(path, { index, count }))
  if (first === undefined) throw invalidFile(named.path, 'it claims no split files')
  checkTensorCount(first, [first, ...others])
  return { first, others }
}

function siblingPaths(path: string, count: number): string[] {
  const parts = SPLIT_NAME.exec(path)?.groups
  if (parts === undefined || Number(parts.count) !== count) {
    throw invalidFile(path, `one of ${count} split files must be named <model>-NNNNN-of-NNNNN.gguf`)
  }
  const prefix = parts.prefix ?? ''
  const paths = Array.from({ length: count }, (_, index) => splitPath(prefix, { index, count }))
  const missing = paths.filter((sibling) => !existsSync(sibling))
  if (missing.length > 0) {
    const text = `${missing[0]}: this split file is missing (${missing.length} of ${count} are)`
    throw new SputnikError('FILE_NOT_FOUND', text, { path: missing[0] ?? path })
  }
  return paths
}

function openSibling(path: string, of: { index: number; count: number }): GgufHeader {
  const header = readHeader(path, of.index)
  const count = keyNumber(header, SPLIT_KEYS.count)
  const number = keyNumber(header, SPLIT_KEYS.number)
  if (count !== of.count || number !== of.index) {
    const stated = `split.no ${number}, split.count ${count}`
    throw invalidFile(path, `it states ${stated}, expected ${of.index} and ${of.count}`)
  }
  return header
}

function checkTensorCount(first: GgufHeader, all: readonly GgufHeader[]): void {
  const stated = keyNumber(first, SPLIT_KEYS.tensorCount)
  const found = all.reduce((sum, header) => sum + header.tensors.length, 0)
  if (stated === found) return
  throw invalidFile(first.path, `split.tensors.count is ${stated}, but the files hold ${found}`)
}

function keyNumber(header: GgufHeader, key: string): number | undefined {
  const value = header.metadata.get(key)
  if (value === undefined) return undefined
  if (value.type !== 'array' && typeof value.value === 'number') return value.value
  throw invalidFile(header.path, `"${key}" is not a number`)
}
