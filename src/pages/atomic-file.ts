/**
 * Writes files that appear whole or not at all, even when the process is killed or the power goes.
 * Knows nothing of contents.
 */
import { readdirSync, rmSync } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { draftOf, writerOf } from '../base/draft.js'
import { codeOf, reasonOf, SputnikError } from '../base/errors.js'
import { isAlive } from '../base/process-life.js'

/** Drafts of this thread. */
const ours = new Set<string>()

/**
 * Makes the folder too. What is not `isDurable` appears whole but may be lost or wrong after a loss
 * of power.
 * @throws SputnikError CACHE_UNWRITABLE
 */
export async function writeAtomic(
  path: string,
  chunks: readonly Uint8Array[],
  { isDurable = true } = {},
): Promise<void> {
  const draft = draftOf(path)
  ours.add(draft)
  try {
    await writeDraft(draft, { chunks, isDurable })
    await rename(draft, path)
    if (isDurable) await syncFolder(dirname(path))
  } catch (cause) {
    await rm(draft, { force: true })
    throw new SputnikError(
      'CACHE_UNWRITABLE',
      `cannot write ${path}: ${reasonOf(cause)}`,
      { path },
      cause,
    )
  } finally {
    ours.delete(draft)
  }
}

/**
 * Removes what killed processes left half written in a folder that no other thread of this one
 * writes to; returns all other names.
 */
export function removeOldDrafts(folder: string): string[] {
  return readdirSync(folder).filter((name) => {
    const pid = writerOf(name)
    if (pid === undefined) return true
    const draft = join(folder, name)
    if (!isBeingWritten(draft, pid)) rmSync(draft, { force: true })
    return false
  })
}

async function writeDraft(
  draft: string,
  { chunks, isDurable }: { chunks: readonly Uint8Array[]; isDurable: boolean },
): Promise<void> {
  const file = await openDraft(draft)
  try {
    for (const chunk of chunks) await file.writeFile(chunk)
    if (isDurable) await file.sync()
  } finally {
    await file.close()
  }
}

/** The folder is there but for the first file in it. */
async function openDraft(draft: string): Promise<FileHandle> {
  try {
    return await open(draft, 'wx')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    await mkdir(dirname(draft), { recursive: true })
    return open(draft, 'wx')
  }
}

/** Without this, a rename may be forgotten when the power goes. Windows has no such call. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** An earlier process may have had our id: in a container it always has. */
function isBeingWritten(draft: string, pid: number): boolean {
  return pid === process.pid ? ours.has(draft) : isAlive(pid)
}
