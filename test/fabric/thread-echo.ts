/** A fabric thread for tests: sends back every frame it is given, and ends when told to. */
import { parentPort, workerData } from 'node:worker_threads'
import { defined } from '../../src/base/assert.js'
import { ThreadBox } from '../../src/fabric/thread-box.js'
import { ThreadPort } from '../../src/fabric/thread-port.js'

type Boxes = { readonly toThread: SharedArrayBuffer; readonly toMain: SharedArrayBuffer }

const { toThread, toMain } = workerData as Boxes
const port = defined(parentPort, 'a parent')
let whole: Buffer[] = []
let bytes = 0

const thread = new ThreadPort({
  inbox: new ThreadBox(toThread),
  outbox: new ThreadBox(toMain),
  onPiece(piece, frameBytes) {
    whole.push(Buffer.from(piece))
    bytes += piece.length
    if (bytes < frameBytes) return true
    const frame = Buffer.concat(whole)
    whole = []
    bytes = 0
    // The byte behind the header says how often to send it back; 255 ends the link.
    const times = frame[20] ?? 1
    for (let i = 0; i < (times === 255 ? 1 : times); i++) thread.deliver(frame)
    if (times === 255) thread.end()
    return true
  },
})
port.on('message', () => thread.turn())
port.postMessage('up')
