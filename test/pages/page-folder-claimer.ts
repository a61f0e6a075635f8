/** A thread that claims one folder after the other, each at the same moment as other threads. */
import { parentPort, workerData } from 'node:worker_threads'
import { reasonOf } from '../../src/base/errors.js'
import { claimFolder } from '../../src/pages/page-folder.js'

type ClaimerData = {
  readonly folders: readonly string[]
  /** How many threads have come to each folder. */
  readonly arrived: SharedArrayBuffer
  readonly threads: number
}

const { folders, arrived, threads } = workerData as ClaimerData
const counts = new Int32Array(arrived)

function claimTogether(folder: string, round: number): string {
  Atomics.add(counts, round, 1)
  while (Atomics.load(counts, round) < threads) {
    // Waking would take longer than what is tried here.
  }
  try {
    return claimFolder(folder, Date.now).path
  } catch (error) {
    return reasonOf(error)
  }
}

parentPort?.postMessage(folders.map(claimTogether))
