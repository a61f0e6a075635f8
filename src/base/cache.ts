/** Generated files that processes share: built once, appear whole. Knows nothing of contents. */

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { draftOf } from './draft.js'
import { reasonOf, SputnikError } from './errors.js'

/** sputnik's folder among the user's caches (XDG base directory specification). */
export function cacheDirectory(): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  return join(base, 'sputnik')
}

/**
 * Makes sure that `directory` exists with what `build` writes into the draft folder it is given.
 * Atomic: of processes that build at once, one wins and the others drop their draft.
 * @throws SputnikError CACHE_UNWRITABLE, or what `build` throws
 */
export function buildOnce(directory: string, build: (draft: string) => void): void {
  if (existsSync(directory)) return
  const draft = draftOf(directory)
  makeFolder(draft)
  try {
    build(draft)
    renameSync(draft, directory)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    if (!existsSync(directory)) throw error
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (cause) {
    throw new SputnikError(
      'CACHE_UNWRITABLE',
      `no folder for generated files: ${reasonOf(cause)}`,
      {},
      cause,
    )
  }
}
