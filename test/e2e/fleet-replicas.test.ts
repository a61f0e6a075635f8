/** With a second holder of every page nothing waits for a domain that is gone, stopped or slow. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { plainGreedy, promptOf, textModel } from '../engine/support.js'
import { waitUntil } from '../support/processes.js'
import { FleetHead, type FleetNode } from './fleet-head.js'
import { completeTokens, moreTokens, openStream, tokensOf } from './requests.js'

const model = textModel()
const ask = { prompt: promptOf(40), count: 400 }
const short = { ...ask, count: 32 }
const reference = plainGreedy(model, ask).tokens

const head = await FleetHead.start(model, '--replicas', '2')
after(() => head[Symbol.asyncDispose]())

type Pair = AsyncDisposable & { readonly one: FleetNode; readonly other: FleetNode }

/** Both hold everything. */
async function joinTwo(one: string, other: string): Promise<Pair> {
  const nodes = [await head.join({ name: one }), await head.join({ name: other })] as const
  await head.settled([one, other], 2)
  const dispose = async (): Promise<void> => {
    for (const node of nodes) await node[Symbol.asyncDispose]()
    for (const name of [one, other]) await head.lost(name)
  }
  return { one: nodes[0], other: nodes[1], [Symbol.asyncDispose]: dispose }
}

test('kill -9: the other one is asked at once, and no page is ever lost', async () => {
  await using pair = await joinTwo('killed', 'spared')
  const pid = pair.one.domainPid()
  const stream = await openStream(head.url, ask)
  process.kill(pid, 'SIGKILL')
  assert.deepEqual(tokensOf(await stream.rest), reference)
  await waitUntil(async () => (await head.kinds()).includes('lost killed'))
  assert.doesNotMatch((await head.news()).join('\n'), /pages-lost/)
  await head.settled(['killed', 'spared'], 2)
})

test('SIGSTOP: late answers are asked of the other one, no stream waits for the lease', async () => {
  await using pair = await joinTwo('stopped', 'running')
  const pid = pair.one.domainPid()
  const stream = await openStream(head.url, ask)
  process.kill(pid, 'SIGSTOP')
  await moreTokens(stream, 8)
  assert.ok(await head.domain('stopped'), 'its lease has ended before')
  assert.deepEqual(tokensOf(await stream.rest), reference)
  await head.lost('stopped')
  process.kill(pid, 'SIGCONT')
  await head.settled(['stopped', 'running'], 2)
})

test('a domain of a tenth of the speed is avoided, and used again when it is fast', async () => {
  await using pair = await joinTwo('slow', 'fast')
  const expected = reference.slice(0, short.count)
  const shareOfSlow = async (): Promise<number> => {
    const before = await callsOf('slow', 'fast')
    assert.deepEqual(await completeTokens(head.url, short), expected)
    const [slow = 0, fast = 0] = (await callsOf('slow', 'fast')).map(
      (n, at) => n - (before[at] ?? 0),
    )
    return slow / (slow + fast)
  }
  const pid = pair.one.domainPid()
  const end = slowDown(pid)
  try {
    await waitUntil(async () => (await shareOfSlow()) < 0.2, 'the slow domain is asked as before')
    assert.ok(await head.domain('slow'), 'it is slow, not lost')
  } finally {
    end()
  }
  // How much it is asked depends on what else this machine does.
  await waitUntil(async () => (await shareOfSlow()) > 0, 'the domain is avoided for good')
})

async function callsOf(...names: string[]): Promise<number[]> {
  const { domains } = await head.fleet()
  return names.map((wanted) => domains.find(({ name }) => name === wanted)?.expertCalls ?? 0)
}

/** Lets a process run a tenth of the time. */
function slowDown(pid: number): () => void {
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  const turn = (): void => {
    process.kill(pid, isStopped ? 'SIGCONT' : 'SIGSTOP')
    isStopped = !isStopped
    timer = setTimeout(turn, isStopped ? 90 : 10)
  }
  turn()
  return () => {
    clearTimeout(timer)
    process.kill(pid, 'SIGCONT')
  }
}
