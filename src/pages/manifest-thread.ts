/** Entry of the thread that makes a manifest; see `manifest-background.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { defined } from '../base/assert.js'
import { toPlain } from '../base/errors.js'
import type { ManifestNews, ManifestTask } from './manifest-background.js'
import { manifestOf } from './manifest-store.js'

const parent = defined(parentPort, 'a main thread')
const { path, folder } = workerData as ManifestTask
let toldPercent = 0

const tell = (news: ManifestNews): void => parent.postMessage(news)

function onProgress({ bytes, totalBytes }: { bytes: number; totalBytes: number }): void {
  const percent = Math.floor((100 * bytes) / Math.max(1, totalBytes))
  if (percent <= toldPercent) return
  toldPercent = percent
  tell({ kind: 'progress', percent })
}

try {
  tell({ kind: 'made', manifest: await manifestOf(path, { folder, onProgress }) })
} catch (error) {
  tell({ kind: 'failed', error: toPlain(error) })
}
