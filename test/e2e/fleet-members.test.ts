/** Who may be in a fleet: refusals, and a node that comes and goes. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { textModel } from '../engine/support.js'
import { testModel } from '../support/models.js'
import { waitUntil } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { FleetHead, type JoinOptions } from './fleet-head.js'

const model = textModel()
const head = await FleetHead.start(model)
after(() => head[Symbol.asyncDispose]())

async function refusal(options: JoinOptions): Promise<string> {
  const node = await head.join(options)
  assert.notEqual(await node.refused(), 0)
  return node.said()
}

test('a wrong key, an old one and a used one are refused each with its reason', async () => {
  const wrong = (await head.newKey()).replace(/.$/, (end) => (end === '0' ? '1' : '0'))
  assert.match(await refusal({ name: 'wrong', key: wrong }), /JOIN_KEY_(INVALID|UNKNOWN).*\nfix: /)
  const old = await head.newKey('--ttl', '1s')
  await waitUntil(async () => /expired/.test((await head.sputnik('token', 'ls')).stdout))
  assert.match(await refusal({ name: 'late', key: old }), /JOIN_KEY_EXPIRED.*\nfix: /)
  const key = await head.newKey()
  await using _first = await head.join({ name: 'first', key })
  await head.settled(['first'])
  assert.match(await refusal({ name: 'second', key }), /JOIN_KEY_USED.*\nfix: /)
})

test('another model and another version of the protocol are refused with the reason', async () => {
  const other = await refusal({ name: 'other', model: testModel('qwen3moe') })
  assert.match(other, /MODEL_MISMATCH.*\nfix: /)
  const env = { NODE_OPTIONS: `--import ${otherProtocol()}` }
  assert.match(await refusal({ name: 'newer', env }), /PROTOCOL_MISMATCH.*\nfix: /)
})

test('a node that comes and goes is kept out for a while, then let in', async () => {
  for (let loss = 0; loss < 3; loss++) {
    const node = await head.join({ name: 'flapping' })
    await waitUntil(async () => (await head.domain('flapping'))?.state === 'ready', node.said())
    await node.cutPower()
    await head.lost('flapping')
  }
  await using node = await head.join({ name: 'flapping' })
  await waitUntil(() => /NODE_KEPT_OUT/.test(node.said()), 'it is let in at once')
  assert.equal(await head.domain('flapping'), undefined)
  await head.settled(['flapping'])
})

/** A module for `--import` that makes frames of another version of the protocol. */
function otherProtocol(): string {
  const path = join(scratchDirectory(), 'other-protocol.mjs')
  const hooks = `
    export async function load(url, context, next) {
      const loaded = await next(url, context)
      if (!url.endsWith('/fabric/frame.js')) return loaded
      const source = String(loaded.source).replace(/PROTOCOL_VERSION = \\d+/, 'PROTOCOL_VERSION = 999')
      return { ...loaded, source }
    }`
  const url = `data:text/javascript,${encodeURIComponent(hooks)}`
  writeFileSync(path, `import { register } from 'node:module'\nregister(${JSON.stringify(url)})\n`)
  return pathToFileURL(path).href
}
