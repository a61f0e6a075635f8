/** Entry of the thread that looks for better placements. Loads no native code. */
import { parentPort } from 'node:worker_threads'
import { defined } from '../base/assert.js'
import { toPlain } from '../base/errors.js'
import { betterPlacement, type TrafficRequest } from '../pages/better-placement.js'

const parent = defined(parentPort, 'a main thread')

parent.on('message', (request: TrafficRequest) => {
  try {
    parent.postMessage({ answer: betterPlacement(request) })
  } catch (error) {
    parent.postMessage({ error: toPlain(error) })
  }
})
