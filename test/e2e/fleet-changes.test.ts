/** A domain is drained, pardoned and evicted while a stream runs: real processes over TLS. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import type { ExpertsView, FleetView } from '../../src/engine/protocol.js'
import { plainGreedy, promptOf, textModel } from '../engine/support.js'
import { call } from '../server/harness.js'
import { childrenOf, survivorsAfterWait, waitUntil } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { completeTokens, streamTokens } from './requests.js'
import { MAIN, type Served, serve, sputnik } from './served.js'

const model = textModel()
const ask = { prompt: promptOf(40), count: 96 }
const scratch = scratchDirectory()
process.env.XDG_STATE_HOME = join(scratch, 'head')

async function fleetOf(url: string): Promise<FleetView> {
  return JSON.parse((await call(url, '/v1/fleet')).text)
}

async function pagesOf(url: string): Promise<number | undefined> {
  return (await fleetOf(url)).domains.find(({ nodeId }) => nodeId !== null)?.pages
}

async function fleet(served: Served, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await sputnik('fleet', ...args, '--url', served.url)
  assert.equal(status, 0, stderr)
  return stdout
}

type Joined = { readonly child: ChildProcess; readonly said: () => string }

function joinFleet(address: string, key: string): Joined & AsyncDisposable {
  const args = [MAIN, 'join', address, '--key', key, '--model', model, '--threads', '1']
  const env = { ...process.env, XDG_STATE_HOME: join(scratch, 'attic') }
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  const child = spawn(process.execPath, [...args, '--name', 'attic'], { env, stdio })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text
    })
  }
  const dispose = async (): Promise<void> => {
    const pid = defined(child.pid, 'pid')
    const before = [pid, ...childrenOf(pid), ...childrenOf(pid).flatMap(childrenOf)]
    child.kill('SIGTERM')
    assert.deepEqual(await survivorsAfterWait(before), [], 'processes of the domain stay behind')
  }
  return { child, said: () => said, [Symbol.asyncDispose]: dispose }
}

async function newKey(address: string): Promise<string> {
  const { stdout } = await sputnik('token', 'create', '--listen', address)
  return defined(/--key (\S+)/.exec(stdout)?.[1], 'a join key')
}

test('a domain drains without a changed token, is pardoned, is evicted and stays out', async () => {
  await using served = await serve(model, '--exact', '--fleet-listen', '127.0.0.1:0')
  const { url } = served
  const reference = plainGreedy(model, ask).tokens
  await waitUntil(async () => (await fleetOf(url)).address !== null)
  const address = defined((await fleetOf(url)).address ?? undefined, 'address')
  await using joined = joinFleet(address, await newKey(address))
  await waitUntil(async () => ((await pagesOf(url)) ?? 0) >= 16)

  const running = streamTokens(url, ask)
  assert.match(await fleet(served, 'drain', 'attic'), /^attic \(\S+\) holds nothing\n$/)
  assert.deepEqual(await running, reference)
  assert.equal((await fleetOf(url)).domains[1]?.state, 'draining')
  assert.equal(await pagesOf(url), 0)

  await fleet(served, 'pardon', 'attic')
  await waitUntil(async () => ((await pagesOf(url)) ?? 0) >= 16)
  assert.deepEqual(await completeTokens(url, ask), reference)
  const view: ExpertsView = JSON.parse((await call(url, '/v1/fleet/experts')).text)
  const held = view.layers.flatMap(({ holders }) => holders.flat())
  assert.deepEqual([...new Set(held)], [1])
  assert.ok(view.layers.every(({ calls }) => calls.some((count) => count > 0)))

  await fleet(served, 'evict', 'attic')
  await waitUntil(() => /NODE_EVICTED/.test(joined.said()))
  const { domains, events } = await fleetOf(url)
  assert.equal(domains.length, 1)
  const kinds = new Set(events.map(({ kind }) => kind))
  const wanted = ['joined', 'ready', 'moved', 'draining', 'drained', 'pardoned', 'evicted']
  for (const kind of wanted) assert.ok(kinds.has(kind as never), kind)
  assert.deepEqual(await completeTokens(url, ask), reference)
})

test('an evicted node comes back with a new key, and after a pardon without one', async () => {
  await using served = await serve(model, '--fleet-listen', '127.0.0.1:0')
  const { url } = served
  await waitUntil(async () => (await fleetOf(url)).address !== null)
  const address = defined((await fleetOf(url)).address ?? undefined, 'address')
  const isHere = async (): Promise<boolean> => (await pagesOf(url)) !== undefined
  const key = await newKey(address)
  for (const makeKey of [async () => key, () => newKey(address)]) {
    // Only one that is made after the eviction ends it.
    const shown = await makeKey()
    await using joined = joinFleet(address, shown)
    await waitUntil(isHere)
    await fleet(served, 'evict', 'attic')
    await waitUntil(() => /NODE_EVICTED/.test(joined.said()))
  }
  {
    await using joined = joinFleet(address, key)
    await waitUntil(() => /NODE_EVICTED/.test(joined.said()))
  }
  await fleet(served, 'pardon', 'attic')
  await using _joined = joinFleet(address, key)
  await waitUntil(isHere)
})
