/**
 * Entry of the supply thread of a domain: learns the model from its head, fetches pages from
 * wherever they are, and serves those it has to other nodes. Its event loop turns while the main
 * thread is inside a step. Loads no native code.
 */
import { writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { defined } from '../base/assert.js'
import { toPlain } from '../base/errors.js'
import { createLogger } from '../base/log.js'
import { decodeManifest } from '../pages/manifest.js'
import { connectPages, SupplyHead } from './supply-head.js'
import {
  BEAT_MS,
  type SupplyCommand,
  type SupplyNews,
  type SupplyStart,
  type SupplyWorkerData,
} from './supply-messages.js'
import { localCopy, openStore } from './supply-sources.js'
import { SupplyWork } from './supply-work.js'

const parent = defined(parentPort, 'a main thread')
const { setup, port, beats } = workerData as SupplyWorkerData
const beat = new Int32Array(beats)
setInterval(() => Atomics.add(beat, 0, 1), BEAT_MS)
// Through the main thread nothing would come out while it is busy.
const write = (line: string): void => void writeSync(2, line)
const log = createLogger({ level: setup.logLevel, part: 'pages', write })

const tellStart = (start: SupplyStart): void => parent.postMessage(start)
const tell = (news: SupplyNews): void => port.postMessage(news)

process.on('uncaughtException', (error) => {
  tell({ kind: 'broken', error: toPlain(error) })
  process.exit(1)
})

try {
  await start()
} catch (error) {
  tellStart({ kind: 'failed', error: toPlain(error) })
}

async function start(): Promise<void> {
  let work: SupplyWork | undefined
  const head = new SupplyHead({
    connect: (onEnd) => connectPages(setup.head, { ...setup, onEnd }),
    onOpen: () => void work?.announce(),
    log,
  })
  const client = await head.open()
  const { regionsInUse } = client.welcome
  const manifest = decodeManifest(await client.manifest(), setup.modelHash)
  const copy = await localCopy(setup, manifest)
  log.info(copy === undefined ? 'no copy of the model here' : `pages lie in ${copy.name}`)
  const store = openStore(setup.store)
  work = new SupplyWork({ setup, head, manifest, copy, store: store.files, tell, log })
  const made = work
  port.on('message', (command: SupplyCommand) => {
    if (command.kind !== 'close') {
      made.obey(command)
      return
    }
    store.release()
    process.exit(0)
  })
  const storeBytesMax = store.files.bytesMax
  const opened = { manifest, regionsInUse, copy: copy?.copy ?? null, storeBytesMax }
  tellStart({ kind: 'opened', opened })
  await work.announce()
}
