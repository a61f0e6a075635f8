/**
 * Which folder a page store may call its own: two processes, or threads of one, that count the same
 * files would drop each other's pages. Knows nothing of pages.
 */
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { SputnikError } from '../base/errors.js'
import { createStateFile } from '../base/state.js'

export type PageFolder = {
  readonly path: string
  /** To be called more often than every `STALE_MS`, or others may think that its owner is gone. */
  readonly renew: () => void
  readonly release: () => void
}

export const STALE_MS = 15_000
const LOCK = 'owner'
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
    if (claim(path, nowMs())) return ownedFolder(path, nowMs)
  }
  throw new SputnikError('CACHE_UNWRITABLE', `${folder} and all beside it are in use`)
}

function claim(path: string, nowMs: number): boolean {
  const lock = join(path, LOCK)
  try {
    mkdirSync(path, { recursive: true })
    const state = lockState(lock, nowMs)
    if (state === 'owned') return false
    // Only then, or whoever claims at the same moment would lose what it has just made.
    if (state === 'left') rmSync(lock, { force: true })
    return createStateFile(lock, OWNER)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const text = `cannot keep pages in ${path}: ${reason}`
    throw new SputnikError('CACHE_UNWRITABLE', text, { path }, cause)
  }
}

function ownedFolder(path: string, nowMs: () => number): PageFolder {
  const lock = join(path, LOCK)
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
function lockState(lock: string, nowMs: number): 'none' | 'left' | 'owned' {
  const stat = statSync(lock, { throwIfNoEntry: false })
  if (stat === undefined) return 'none'
  if (nowMs - stat.mtimeMs > STALE_MS) return 'left'
  const owner = readFileSync(lock, 'utf8')
  // Also that of an earlier process with our id, as containers have them.
  if (owner === OWNER) return ours.has(lock) ? 'owned' : 'left'
  const pid = Number(owner.split('.', 1)[0])
  return Number.isInteger(pid) && pid > 0 && lives(pid) ? 'owned' : 'left'
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Not ours to signal, so it lives.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
