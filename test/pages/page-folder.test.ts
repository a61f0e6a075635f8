import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { threadId, Worker } from 'node:worker_threads'
import { defined } from '../../src/base/assert.js'
import { claimFolder, STALE_MS } from '../../src/pages/page-folder.js'
import { scratchDirectory } from '../support/scratch.js'

/** Above any that a system gives (PID_MAX_LIMIT of Linux is 2^22). */
const DEAD_PID = 2 ** 22 + 1
const now = (): number => Date.now()

test('claimFolder gives each owner a folder of its own, and it to the next one afterwards', () => {
  const folder = join(scratchDirectory(), 'pages')
  const first = claimFolder(folder, now)
  const second = claimFolder(folder, now)
  assert.deepEqual([first.path, second.path], [folder, `${folder}-2`])
  first.renew()
  assert.equal(readFileSync(join(folder, 'owner-1'), 'utf8'), `${process.pid}.${threadId}`)
  first.release()
  assert.equal(claimFolder(folder, now).path, folder)
})

/** What the owner left behind. */
function ownedBy(pid: number, thread = 0): string {
  const folder = join(scratchDirectory(), 'pages')
  mkdirSync(folder)
  writeFileSync(join(folder, 'owner-1'), `${pid}.${thread}`)
  return folder
}

test('claimFolder takes the folder of an owner that was killed, and of none that lives', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  const pid = defined(child.pid, 'pid')
  const [living, late, dead] = [ownedBy(pid), ownedBy(pid), ownedBy(pid)]
  assert.equal(claimFolder(living, now).path, `${living}-2`)
  // Its id may have become that of another process, which does not renew the lock.
  assert.equal(claimFolder(late, () => Date.now() + STALE_MS + 1000).path, late)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(claimFolder(dead, now).path, dead)
})

test('claimFolder takes a folder with the lock of an earlier process of the same id', () => {
  const folder = ownedBy(process.pid, threadId)
  assert.equal(claimFolder(folder, now).path, folder)
})

test('claimFolder leaves alone what another thread of this process has', () => {
  const folder = ownedBy(process.pid, threadId + 1)
  assert.equal(claimFolder(folder, now).path, `${folder}-2`)
})

const CLAIMER = new URL('./page-folder-claimer.js', import.meta.url)

/** What threads got that claimed a folder for each round, all at the same moment. */
async function claimsOf(folders: readonly string[], threads: number): Promise<string[][]> {
  const arrived = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * folders.length)
  const workers = Array.from(
    { length: threads },
    () => new Worker(CLAIMER, { workerData: { folders, arrived, threads } }),
  )
  const messages = await Promise.all(workers.map((worker) => once(worker, 'message')))
  await Promise.all(workers.map((worker) => worker.terminate()))
  return messages.map(([paths]) => paths as string[])
}

test('claimFolder gives threads of a process different folders, also one that was left', async () => {
  const threads = 4
  const folders = Array.from({ length: 40 }, (_, round) =>
    round % 2 === 0 ? ownedBy(DEAD_PID) : join(scratchDirectory(), 'pages'),
  )
  const claims = await claimsOf(folders, threads)
  folders.forEach((folder, round) => {
    const paths = claims.map((ofThread) => ofThread[round]).sort()
    assert.equal(new Set(paths).size, threads, `round ${round}: ${paths}`)
    assert.equal(paths[0], folder)
  })
})

test('claimFolder says where no pages can be kept', () => {
  const file = join(scratchDirectory(), 'file')
  writeFileSync(file, '')
  assert.throws(() => claimFolder(join(file, 'pages'), now), { code: 'CACHE_UNWRITABLE' })
})
