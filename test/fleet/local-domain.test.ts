import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, renameSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { defined } from '../../src/base/assert.js'
import { NaiveExperts, normalizedError } from '../card/support.js'
import { testModel } from '../support/models.js'
import { survivors, survivorsAfterWait } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { drawTokens, type Fleet, type FleetOptions, makeDomains, openFleet } from './support.js'

const fleets: Fleet[] = []

function open(options: FleetOptions): Fleet {
  const fleet = openFleet(options)
  fleets.push(fleet)
  return fleet
}

after(() => {
  for (const fleet of fleets) fleet.close()
})

for (const cards of [1, 3]) {
  for (const isShared of [true, false]) {
    const way = isShared ? 'shared memory' : 'sockets'
    test(`Dispatcher and cards compute what the slow twin does: ${cards}, ${way}`, () => {
      const fleet = open({ cards, isShared })
      const naive = new NaiveExperts(fleet.load, fleet.record)
      for (const count of [1, 2, 7, 40, 1]) {
        const tokens = drawTokens(count, count)
        const wanted = tokens.map((token) => naive.compute(token))
        assert.ok(normalizedError(fleet.compute(tokens), wanted) <= 1e-10)
      }
      const { domains } = fleet
      const pages = domains.reduce((sum, domain) => sum + domain.pages, 0)
      const calls = domains.reduce((sum, domain) => sum + domain.expertCalls, 0)
      assert.equal(pages, 8)
      assert.equal(calls, 3 * 51)
      assert.ok(domains.every((domain) => domain.bytesSent > 0 && domain.bytesReceived > 0))
      assert.deepEqual(fleet.losses, [])
      fleet.close()
    })
  }
}

test('Dispatcher gives the same bits with any number of cards when experts come unsummed', () => {
  const path = testModel('qwen3moe', { type: 'q4_K' })
  const [one, ...others] = [1, 2, 5].map((cards) => open({ cards, path, isSummed: false }))
  for (const count of [1, 2, 7, 40]) {
    const tokens = drawTokens(count, count)
    const wanted = one?.compute(tokens)
    for (const fleet of others) assert.deepEqual(fleet.compute(tokens), wanted)
  }
  for (const fleet of [one, ...others]) fleet?.close()
})

const tokens = drawTokens(20)

/** What a fleet of two computes when nothing happens. */
const undisturbed = (() => {
  const fleet = open({ cards: 2 })
  const sums = fleet.compute(tokens)
  fleet.close()
  return sums
})()

function pidOf(fleet: Fleet, id: number): number {
  return defined(fleet.domains[id], `domain ${id}`).pid
}

/** Lets another process send signals while this one is inside a native call. */
function later(seconds: number, command: string): void {
  spawn('sh', ['-c', `sleep ${seconds}; ${command}`], { stdio: 'inherit' })
}

for (const isShared of [true, false]) {
  const way = isShared ? 'shared memory' : 'sockets'

  test(`Dispatcher recovers a card that is killed between two steps: ${way}`, () => {
    const fleet = open({ cards: 2, isShared })
    fleet.compute(tokens)
    const first = pidOf(fleet, 1)
    process.kill(first, 'SIGKILL')
    assert.deepEqual(fleet.compute(tokens), undisturbed)
    assert.deepEqual(fleet.compute(tokens), undisturbed)
    assert.notEqual(pidOf(fleet, 1), first)
    assert.deepEqual(
      fleet.domains.map((domain) => domain.restarts),
      [0, 1],
    )
    fleet.close()
  })

  test(`Dispatcher recovers a card that is killed inside a step: ${way}`, () => {
    const fleet = open({ cards: 2, isShared })
    process.kill(pidOf(fleet, 0), 'SIGSTOP')
    later(0.2, `kill -KILL ${pidOf(fleet, 0)}`)
    assert.deepEqual(fleet.compute(tokens), undisturbed)
    assert.equal(fleet.domains[0]?.restarts, 1)
    assert.equal(fleet.domains[1]?.restarts, 0)
    fleet.close()
  })

  test(`Dispatcher takes a card for lost that is late: ${way}`, () => {
    const fleet = open({ cards: 2, isShared, timeoutMs: 2500 })
    process.kill(pidOf(fleet, 1), 'SIGSTOP')
    assert.deepEqual(fleet.compute(tokens), undisturbed)
    assert.equal(fleet.losses.length, 1)
    assert.match(fleet.losses[0] ?? '', /card 1 is lost.*did not answer in time/)
    fleet.close()
  })

  test(`Dispatcher leaves no answer of a failed step to the next one: ${way}`, () => {
    const fleet = open({ cards: 2, isShared })
    // The first domain is asked for everything, also for what only the second one has.
    const wanted = fleet.holders.slice()
    fleet.holders.set([0, 0, 0, 0, 1, 1, 1, 1])
    assert.throws(() => fleet.compute(tokens), {
      code: 'PAGE_NOT_MAPPED',
      message: /^card \d: expert \d of layer 0 is not on this card/,
    })
    fleet.holders.set(wanted)
    assert.deepEqual(fleet.compute(tokens), undisturbed)
    // The second domain failed too, and said so to nobody.
    assert.deepEqual(fleet.losses, [])
    assert.deepEqual(
      fleet.domains.map((domain) => domain.restarts),
      [0, 0],
    )
    fleet.close()
  })
}

test('Dispatcher says why a card cannot be started again, and goes on when it can', () => {
  const path = join(scratchDirectory(), 'model.gguf')
  copyFileSync(testModel('qwen3moe'), path)
  const fleet = open({ cards: 2, path })
  renameSync(path, `${path}.away`)
  process.kill(pidOf(fleet, 0), 'SIGKILL')
  assert.throws(() => fleet.compute(tokens), { code: 'FILE_NOT_FOUND', message: /^card 0: .*read/ })
  renameSync(`${path}.away`, path)
  assert.deepEqual(fleet.compute(tokens), undisturbed)
  fleet.close()
})

test('LocalDomain passes on why a card cannot load its pages', () => {
  const path = join(scratchDirectory(), 'short.gguf')
  copyFileSync(testModel('qwen3moe'), path)
  const { domains } = makeDomains({ cards: 2, path })
  truncateSync(path, 3_000_000)
  const [first, second] = domains
  assert.ok(first && second)
  first.start()
  assert.throws(() => first.awaitLoaded(), {
    code: 'GGUF_INVALID',
    message: /the file ends inside/,
  })
  renameSync(path, `${path}.away`)
  second.start()
  assert.throws(() => second.awaitLoaded(), { code: 'FILE_NOT_FOUND' })
  for (const domain of domains) domain.stop()
})

test('LocalDomain reports a card that ends while it loads', () => {
  const { domains } = makeDomains({ cards: 1 })
  const [domain] = domains
  assert.ok(domain)
  domain.start()
  process.kill(domain.pid, 'SIGKILL')
  assert.throws(() => domain.awaitLoaded(), { code: 'CARD_FAILED', message: /has ended/ })
  domain.stop()
})

test('cards end with their head', async () => {
  const head = spawn(process.execPath, [fileURLToPath(new URL('head.js', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [chunk] = (await once(head.stdout, 'data')) as [Buffer]
  const pids = JSON.parse(chunk.toString()) as number[]
  assert.equal(pids.length, 3)
  assert.deepEqual(survivors(pids), pids)
  head.kill('SIGKILL')
  assert.deepEqual(await survivorsAfterWait(pids), [])
})
