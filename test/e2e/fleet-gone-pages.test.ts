/** A card is killed whose pages cannot be read any more where they were: others give them. */

import assert from 'node:assert/strict'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { plainGreedy, promptOf, textModel } from '../engine/support.js'
import { waitUntil } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { FleetHead } from './fleet-head.js'
import { completeTokens, openStream, tokensOf } from './requests.js'

test('a card is killed after the copy of its model was removed: the domain stays', async () => {
  const model = textModel()
  const ask = { prompt: promptOf(40), count: 200 }
  const reference = plainGreedy(model, ask).tokens
  const folder = scratchDirectory()
  const copy = join(folder, 'copy.gguf')
  copyFileSync(model, copy)
  await using head = await FleetHead.start(model)
  await using node = await head.join({
    ...{
      name: 'attic',
      model: copy,
      args: ['--device', 'cpu,cpu', '--page-store', join(folder, 'pages')],
    },
  })
  await head.settled(['attic'])
  const [card] = node.cardPids()
  const stream = await openStream(head.url, ask)
  rmSync(copy)
  process.kill(defined(card, 'a card'), 'SIGKILL')
  assert.deepEqual(tokensOf(await stream.rest), reference)
  await waitUntil(async () => (await head.kinds()).includes('pages-gone attic'))
  await head.settled(['attic'])
  const short = { ...ask, count: 64 }
  assert.deepEqual(await completeTokens(head.url, short), reference.slice(0, short.count))
  assert.ok(!(await head.kinds()).includes('lost attic'))
})
