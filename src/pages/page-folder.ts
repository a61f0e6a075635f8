/**
 * Which folder a page store may call its own: two processes, or threads of one, that count the same
 * files would drop each other's pages. Knows nothing of pages.
 */
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { reasonOf, SputnikError } from '../base/errors.js'
import { isAlive } from '../base/process-life.js'
import { createStateFile, readStateFile } from '../base/state.js'

export type PageFolder = {
  readonly path: string
  /** To be called more often than every `STALE_MS`, or others may think that its owner is gone. */
  readonly renew: () => void
  readonly release: () => void
}

export const STALE_MS = 15_000
/** `owner-<number>`: each owner that takes over from one that was killed has the next number. */
const LOCK = /^owner-(\d{1,9})$/
const FOLDERS_MAX = 64

/** Locks that this thread has; others of this process have their own. */
const ours = new Set<string>()
const OWNER = `${process.pid}.${threadId}`

/**
 * The folder, or while somebody else uses it, the next one beside it: `pages`, `pages-2` and so
 * on. One whose owner was killed is taken over with all that is in it.
 * @throws SputnikError CACHE_UNWRITABLE
 */
export function claimFolder(folder: string, nowMs: () => number): PageFolder {
  for (let number = 1; number <= FOLDERS_MAX; number++) {
    const path = number === 1 ? folder : `${folder}-${number}`
    const lock = claim(path, nowMs())
    if (lock !== undefined) return ownedFolder(path, { lock, nowMs })
  }
  throw new SputnikError('CACHE_UNWRITABLE', `${folder} and all beside it are in use`)
}

/** The lock, or undefined while somebody else has one. */
function claim(path: string, nowMs: number): string | undefined {
  try {
    mkdirSync(path, { recursive: true })
    const left = newestLock(path)
    if (left > 0 && isOwned(lockOf(path, left), nowMs)) return undefined
    const lock = lockOf(path, left + 1)
    // Of all who found the same lock left, one makes the next. Had they removed the old one first,
    // the second would remove that of the first.
    if (!createStateFile(lock, OWNER)) return undefined
    if (left > 0) rmSync(lockOf(path, left), { force: true })
    return lock
  } catch (cause) {
    const text = `cannot keep pages in ${path}: ${reasonOf(cause)}`
    throw new SputnikError('CACHE_UNWRITABLE', text, { path }, cause)
  }
}

function newestLock(path: string): number {
  const numbers = readdirSync(path).map((name) => Number(LOCK.exec(name)?.[1] ?? 0))
  return Math.max(0, ...numbers)
}

function lockOf(path: string, number: number): string {
  return join(path, `owner-${number}`)
}

function ownedFolder(
  path: string,
  { lock, nowMs }: { lock: string; nowMs: () => number },
): PageFolder {
  ours.add(lock)
  return {
    path,
    renew: () => {
      const seconds = nowMs() / 1000
      try {
        utimesSync(lock, seconds, seconds)
      } catch {
        // Somebody has emptied the folder: pages that are gone are fetched again.
      }
    },
    release: () => {
      ours.delete(lock)
      rmSync(lock, { force: true })
    },
  }
}

/** The id of a dead owner may be that of another process by now, which does not renew the lock. */
function isOwned(lock: string, nowMs: number): boolean {
  const stat = statSync(lock, { throwIfNoEntry: false })
  const owner = readStateFile(lock)
  // Somebody else may be at the next one already.
  if (stat === undefined || owner === undefined) return true
  if (nowMs - stat.mtimeMs > STALE_MS) return false
  // An earlier process may have had our id, as in containers.
  if (owner === OWNER) return ours.has(lock)
  const pid = Number(owner.split('.', 1)[0])
  return Number.isInteger(pid) && pid > 0 && isAlive(pid)
}
