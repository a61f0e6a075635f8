/**
 * The node that alone holds the pages is lost in the middle of a step, and is there again before
 * that step has ended: the text goes on as if nothing had been.
 */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { plainGreedy, promptOf, textModel } from '../engine/support.js'
import { waitUntil } from '../support/processes.js'
import { FleetHead, type FleetNode } from './fleet-head.js'
import { type OpenStream, openStream, tokensOf } from './requests.js'

const model = textModel()
const ask = { prompt: promptOf(40), count: 400 }
const reference = plainGreedy(model, ask).tokens

/** Longer than any step that waits for nobody. */
const STILL_MS = 500

/** Its own card has room for no page at all. */
const head = await FleetHead.start(model, '--cards', '0', '--card-memory', '1')
after(() => head[Symbol.asyncDispose]())

test('kill -9: the node is started again and takes part in the step that it was lost in', async () => {
  await comesBackInStep('killed', (node) => node.cutPower())
})

test('SIGSTOP: another process of the node takes its place in the step that waits for it', async () => {
  await comesBackInStep('stopped', async (node) => node.signalDomain('SIGSTOP'))
})

async function comesBackInStep(name: string, lose: (node: FleetNode) => Promise<void>) {
  await using node = await head.join({ name })
  await head.settled([name])
  const address = await head.address()
  const stream = await openStream(head.url, ask)
  await lose(node)
  await isStill(stream)
  // The engine answers between two steps only: what it says then has happened in the one it is in.
  const askedMs = Date.now()
  const answer = head.fleet()
  await using _back = await head.join({ name, address })
  const { events } = await answer
  assert.deepEqual(tokensOf(await stream.rest), reference)
  const timeOf = (kind: string): number => {
    const event = events.findLast((one) => one.kind === kind && one.name === name)
    return defined(event, `${kind} in ${events.map((one) => `${one.kind} ${one.name}`)}`).atMs
  }
  assert.ok(timeOf('lost') <= timeOf('back'))
  const next = stream.times.find((time) => time > askedMs)
  const times = [askedMs, timeOf('back'), timeOf('ready'), defined(next, 'a token')]
  const inOrder = times.toSorted((a, b) => a - b)
  assert.deepEqual(times, inOrder)
}

/** Waits until no token has come for a while. */
async function isStill({ times }: OpenStream): Promise<void> {
  await waitUntil(() => Date.now() - (times.at(-1) ?? 0) > STILL_MS, 'tokens keep coming')
}
