/** A domain joins a running head over TLS, computes, is killed, comes back, leaves: real processes. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import type { DomainView, FleetView } from '../../src/engine/protocol.js'
import { plainGreedy, promptOf, textModel } from '../engine/support.js'
import { call } from '../server/harness.js'
import { testModel } from '../support/models.js'
import { childrenOf, survivorsAfterWait, waitUntil } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import { completeTokens, lastChunk, openStream, streamTokens } from './requests.js'
import { MAIN, type Served, serve, sputnik } from './served.js'

const model = textModel()
const ask = { prompt: promptOf(40), count: 96 }
const reference = plainGreedy(model, ask).tokens
const scratch = scratchDirectory()
// Identity, join keys and nodes of the head; the processes it starts inherit it.
process.env.XDG_STATE_HOME = join(scratch, 'head')

async function fleetOf(url: string): Promise<FleetView> {
  return (await call(url, '/v1/fleet')).json as unknown as FleetView
}

async function remoteOf(url: string): Promise<DomainView | undefined> {
  return (await fleetOf(url)).domains.find(({ nodeId }) => nodeId !== null)
}

/** Waits until the domain holds pages and none are on their way. */
async function settled(url: string): Promise<void> {
  await waitUntil(async () => {
    const { moving, orphans } = await fleetOf(url)
    const pages = (await remoteOf(url))?.pages ?? 0
    return pages >= 16 && moving === 0 && orphans === 0
  })
}

async function listening(): Promise<{ served: Served; address: string }> {
  const served = await serve(model, '--exact', '--fleet-listen', '127.0.0.1:0')
  await waitUntil(async () => (await fleetOf(served.url)).address !== null)
  return { served, address: defined((await fleetOf(served.url)).address ?? undefined, 'address') }
}

async function newKey(address: string): Promise<string> {
  const { stdout } = await sputnik('token', 'create', '--listen', address)
  return defined(/--key (\S+)/.exec(stdout)?.[1], 'a join key')
}

type Joined = AsyncDisposable & { readonly child: ChildProcess; readonly said: () => string }

/** `path`: null for a domain without a copy of the model. */
type Joining = { readonly node?: string; readonly path?: string | null }

function joinFleet(
  address: string,
  key: string,
  { node = 'node', path = model }: Joining = {},
): Joined {
  const store = ['--page-store', join(scratch, node, 'pages')]
  const copy = path === null ? ['--no-search', ...store] : ['--model', path]
  const args = [MAIN, 'join', address, '--key', key, ...copy, '--threads', '1']
  const env = { ...process.env, XDG_STATE_HOME: join(scratch, node) }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text
    })
  }
  const dispose = async (): Promise<void> => {
    const pid = defined(child.pid, 'pid')
    const domains = childrenOf(pid)
    const before = [pid, ...domains, ...domains.flatMap(childrenOf)]
    child.kill('SIGTERM')
    assert.deepEqual(await survivorsAfterWait(before), [], 'processes of the domain stay behind')
  }
  return { child, said: () => said, [Symbol.asyncDispose]: dispose }
}

test('a domain takes half of the pages over and computes them, to the bit', async () => {
  const { served, address } = await listening()
  await using _served = served
  await using joined = joinFleet(address, await newKey(address))
  await settled(served.url)
  assert.deepEqual(await completeTokens(served.url, ask), reference, joined.said())
  assert.deepEqual(await streamTokens(served.url, ask), reference)
  const remote = defined(await remoteOf(served.url), 'the domain')
  assert.ok(remote.expertCalls > 0 && remote.bytesReceived > 0)
  const { domains } = await fleetOf(served.url)
  assert.equal(
    domains.reduce((sum, { pages }) => sum + pages, 0),
    4 * 16,
  )
})

test('a domain without a model file gets its pages from the head, and keeps them', async () => {
  const { served, address } = await listening()
  await using _served = served
  await using joined = joinFleet(address, await newKey(address), { node: 'bare', path: null })
  await settled(served.url)
  assert.deepEqual(await completeTokens(served.url, ask), reference, joined.said())
  assert.ok(((await remoteOf(served.url))?.expertCalls ?? 0) > 0)
  const kept = pagesIn(join(scratch, 'bare', 'pages'))
  assert.ok(kept.length >= 16)
  const [domain] = childrenOf(defined(joined.child.pid, 'pid'))
  process.kill(defined(domain, 'the domain process'), 'SIGKILL')
  await waitUntil(async () => (await fleetOf(served.url)).domains.length === 1)
  await settled(served.url)
  assert.deepEqual(await completeTokens(served.url, ask), reference)
  const now = new Set(pagesIn(join(scratch, 'bare', 'pages')))
  assert.ok(kept.every((page) => now.has(page)))
})

/** With the times of their making. */
function pagesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const pages = names.filter((name) => /^..[\\/].{62}$/.test(name)).sort()
  return pages.map((name) => `${name} ${statSync(join(folder, name)).birthtimeMs}`)
}

test('pages move to a domain while a stream runs, and the text does not change', async () => {
  const { served, address } = await listening()
  await using _served = served
  const key = await newKey(address)
  const { rest } = await openStream(served.url, { ...ask, count: 400 })
  await using _joined = joinFleet(address, key)
  await settled(served.url)
  assert.equal(lastChunk(await rest).choices[0]?.finish_reason, 'length')
  assert.deepEqual(await completeTokens(served.url, ask), reference)
})

test('a killed domain costs no request; it comes back by itself', async () => {
  const { served, address } = await listening()
  await using _served = served
  await using joined = joinFleet(address, await newKey(address))
  await settled(served.url)
  const running = streamTokens(served.url, ask)
  const [domain] = childrenOf(defined(joined.child.pid, 'pid'))
  process.kill(defined(domain, 'the domain process'), 'SIGKILL')
  assert.deepEqual(await running, reference)
  await waitUntil(async () => (await fleetOf(served.url)).domains.length === 1)
  await settled(served.url)
  assert.deepEqual(await completeTokens(served.url, ask), reference)
})

test('a stopped domain is lost at the end of its lease, and the stream goes on', async () => {
  const { served, address } = await listening()
  await using _served = served
  await using joined = joinFleet(address, await newKey(address))
  await settled(served.url)
  const domain = defined(childrenOf(defined(joined.child.pid, 'pid'))[0], 'the domain process')
  process.kill(domain, 'SIGSTOP')
  try {
    assert.deepEqual(await streamTokens(served.url, ask), reference)
    await waitUntil(async () => (await fleetOf(served.url)).domains.length === 1)
  } finally {
    process.kill(domain, 'SIGCONT')
  }
})

test('joins are refused with the reason: a wrong key, a second use, another model', async () => {
  const { served, address } = await listening()
  await using _served = served
  const key = await newKey(address)
  const refusals: Array<[string, Joining, RegExp]> = [
    [
      await newKey(address),
      { node: 'other', path: testModel('qwen3moe') },
      /MODEL_MISMATCH .*another model/,
    ],
    [key.replace(/.$/, (end) => (end === '0' ? '1' : '0')), { node: 'typo' }, /fix:/],
  ]
  for (const [shown, options, pattern] of refusals) {
    const { child, said } = joinFleet(address, shown, options)
    await waitUntil(() => child.exitCode !== null)
    assert.notEqual(child.exitCode, 0)
    assert.match(said(), pattern)
  }
  await using _joined = joinFleet(address, key, { node: 'first' })
  await settled(served.url)
  const { child, said } = joinFleet(address, key, { node: 'second' })
  await waitUntil(() => child.exitCode !== null)
  assert.match(said(), /JOIN_KEY_USED/)
})
