/**
 * Which folder a page store may call its own: two processes that count the same files would drop
 * each other's pages. Knows nothing of pages.
 */
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
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

const ours = new Set<string>()

/**
 * The folder, or while another process uses it, the next one beside it: `pages`, `pages-2` and so
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
    if (isOwned(lock, nowMs)) return false
    rmSync(lock, { force: true })
    return createStateFile(lock, String(process.pid))
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
function isOwned(lock: string, nowMs: number): boolean {
  const stat = statSync(lock, { throwIfNoEntry: false })
  if (stat === undefined || nowMs - stat.mtimeMs > STALE_MS) return false
  const pid = Number(readFileSync(lock, 'utf8'))
  if (pid === process.pid) return ours.has(lock)
  return Number.isInteger(pid) && pid > 0 && lives(pid)
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
