/** Reads the small text files that a plan is made from. Knows nothing of what is in them. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { SputnikError } from '../base/errors.js'

/** More than any fleet, workload or config.json needs. */
const BYTES_MAX = 1024 * 1024

/** Whether a text that may be a name or a path is taken for a path. */
export function isInputFile(text: string): boolean {
  return /\.(ya?ml|json)$/i.test(text) || existsSync(text)
}

/** @throws SputnikError FILE_NOT_FOUND, FILE_UNREADABLE, PLAN_INVALID when it is too large */
export function readInputFile(path: string): string {
  try {
    // Before opening: to open a named pipe would wait for a writer.
    const stat = statSync(path)
    if (!stat.isFile()) throw new SputnikError('PLAN_INVALID', `${path}: not a regular file`)
    if (stat.size > BYTES_MAX) {
      const text = `${path}: ${stat.size} bytes; such a file has at most ${BYTES_MAX}`
      throw new SputnikError('PLAN_INVALID', text, { path })
    }
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw error instanceof SputnikError ? error : unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): SputnikError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new SputnikError('FILE_NOT_FOUND', `${path}: no such file`, { path }, error)
  }
  return new SputnikError('FILE_UNREADABLE', `${path}: cannot be read (${code})`, { path }, error)
}
