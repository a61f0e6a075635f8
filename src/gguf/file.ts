/** Opens a model file for reading; the errors of this area, each naming the file. */

import { closeSync, fstatSync, openSync, statSync } from 'node:fs'
import { SputnikError } from '../base/errors.js'

export type OpenFile = { readonly fd: number; readonly path: string; readonly sizeBytes: number }

/** Runs `use` with the open file and closes it afterwards. */
export function withFile<T>(path: string, use: (file: OpenFile) => T): T {
  const fd = openModel(path)
  try {
    return use({ fd, path, sizeBytes: fstatSync(fd).size })
  } finally {
    closeSync(fd)
  }
}

function openModel(path: string): number {
  try {
    // Before opening: to open a named pipe would wait for a writer.
    if (!statSync(path).isFile()) throw invalidFile(path, 'not a regular file')
    return openSync(path, 'r')
  } catch (error) {
    throw error instanceof SputnikError ? error : unreadable(path, error)
  }
}

export function invalidFile(path: string, problem: string): SputnikError {
  return new SputnikError('GGUF_INVALID', `${path}: ${problem}`, { path })
}

export function beyondLimit(path: string, problem: string): SputnikError {
  return new SputnikError('GGUF_LIMIT', `${path}: ${problem}`, { path })
}

function unreadable(path: string, error: unknown): SputnikError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new SputnikError('FILE_NOT_FOUND', `${path}: no such file`, { path }, error)
  }
  return new SputnikError('FILE_UNREADABLE', `${path}: cannot be opened (${code})`, { path }, error)
}
