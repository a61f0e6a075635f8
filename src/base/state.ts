/**
 * Small files that outlive a process: where they are, and writing them so that a reader never sees
 * half of one. Knows nothing of contents.
 */

import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { z } from 'zod'
import { draftOf } from './draft.js'
import { codeOf, reasonOf, SputnikError } from './errors.js'

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600

/** sputnik's folder for the user's state (XDG base directory specification). */
export function stateDirectory(): string {
  const base = process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state')
  return join(base, 'sputnik')
}

/** @throws SputnikError STATE_UNWRITABLE */
export function makeStateFolder(path: string): void {
  unlessUnwritable(path, () => mkdirSync(path, { recursive: true, mode: FOLDER_MODE }))
}

/** Replaces the file in one step; only its owner may read it. @throws STATE_UNWRITABLE */
export function writeStateFile(path: string, text: string): void {
  withDraft(path, text, (draft) => renameSync(draft, path))
}

/**
 * Makes the file unless there is one: of processes that try at once, one wins and its whole file
 * is there. True for the winner. @throws SputnikError STATE_UNWRITABLE
 */
export function createStateFile(path: string, text: string): boolean {
  return withDraft(path, text, (draft) => {
    try {
      // Unlike a rename, a link never replaces what is there.
      linkSync(draft, path)
      return true
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      throw error
    } finally {
      rmSync(draft, { force: true })
    }
  })
}

/** The text, or undefined when there is no such file. @throws SputnikError FILE_UNREADABLE */
export function readStateFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined
    throw new SputnikError('FILE_UNREADABLE', `${path}: ${reasonOf(cause)}`, { path }, cause)
  }
}

/** The checked contents of a JSON file. @throws SputnikError STATE_INVALID, FILE_UNREADABLE */
export function readStateJson<T>(path: string, schema: z.ZodType<T>): T | undefined {
  const text = readStateFile(path)
  if (text === undefined) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new SputnikError('STATE_INVALID', `${path} is damaged`, { path }, cause)
  }
}

function withDraft<T>(path: string, text: string, place: (draft: string) => T): T {
  return unlessUnwritable(path, () => {
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE })
    const draft = draftOf(path)
    try {
      writeDraft(draft, text)
      return place(draft)
    } catch (error) {
      rmSync(draft, { force: true })
      throw error
    }
  })
}

function writeDraft(draft: string, text: string): void {
  // One left by a dead process of the same id must not keep its mode.
  rmSync(draft, { force: true })
  const fd = openSync(draft, 'wx', FILE_MODE)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function unlessUnwritable<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    throw new SputnikError(
      'STATE_UNWRITABLE',
      `nothing can be kept: ${reasonOf(cause)}`,
      { path },
      cause,
    )
  }
}
