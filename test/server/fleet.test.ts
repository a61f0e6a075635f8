/** The fleet over HTTP: a real server, a fake engine that has a fleet. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { test } from 'node:test'
import type { FleetChange } from '../../src/engine/protocol.js'
import { FleetFeed } from '../../src/server/fleet-feed.js'
import type { FleetAnswer, FleetEvent } from '../../src/server/fleet-routes.js'
import { call, chat, type Harness, type HarnessOptions, startHarness, until } from './harness.js'

const LISTEN = '10.0.0.1:10458'

function startFleet(options: HarnessOptions = {}): Promise<Harness> {
  return startHarness({ ...options, config: { fleetListen: LISTEN, ...options.config } })
}

type Watching = {
  readonly req: ClientRequest
  readonly res: IncomingMessage
  readonly events: () => readonly FleetEvent[]
  readonly changes: () => readonly FleetChange[]
  readonly text: () => string
  readonly isOver: () => boolean
}

async function watch(harness: Harness): Promise<Watching> {
  const req = request(new URL('/v1/fleet/events', harness.url), { agent: false })
  req.on('error', () => {})
  req.end()
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  let text = ''
  let isOver = false
  res.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  res.on('error', () => {})
  res.on('close', () => {
    isOver = true
  })
  const all = <T>(name: string): T[] =>
    text
      .split('\n\n')
      .slice(0, -1)
      .flatMap((block) => dataOf(name, block))
  const events = (): FleetEvent[] => all('fleet')
  const changes = (): FleetChange[] => all('change')
  return { req, res, events, changes, text: () => text, isOver: () => isOver }
}

function dataOf(wanted: string, block: string): [] | [never] {
  if (block.startsWith(':')) return []
  const [, name, data] = /^event: (fleet|change)\ndata: (.*)$/.exec(block) ?? []
  assert.ok(data, block)
  return name === wanted ? [JSON.parse(data) as never] : []
}

test('GET /v1/fleet answers the view and its totals', async () => {
  await using harness = await startFleet()
  const answer = await call(harness.url, '/v1/fleet')
  assert.equal(answer.status, 200)
  const fleet: FleetAnswer = JSON.parse(answer.text)
  assert.equal(fleet.address, LISTEN)
  assert.deepEqual(
    fleet.domains.map(({ name }) => name),
    ['head', 'attic'],
  )
  const { domains, ready, pages, pageBytes } = fleet.totals
  assert.deepEqual({ domains, ready, pages }, { domains: 2, ready: 1, pages: 24 })
  assert.equal(pageBytes, 2 * 6_291_456)
  const { replicas, toMove, short, events } = fleet
  assert.deepEqual({ replicas, toMove, short }, { replicas: 1, toMove: 6, short: 1 })
  assert.equal(events.at(-1)?.kind, 'ready')
  const { cards, tierBytes, replyMs, keptOutMs } = fleet.domains[1] ?? {}
  assert.equal(cards?.length, 2)
  assert.deepEqual(tierBytes, { device: 1_572_864, host: 4_718_592, disk: 0 })
  assert.deepEqual(replyMs, { p50: 1.5, p99: 12 })
  assert.equal(keptOutMs, null)
})

for (const path of ['/v1/fleet', '/v1/fleet/events', '/v1/fleet/experts']) {
  test(`GET ${path} is 404 with a remedy where no domain can join`, async () => {
    await using harness = await startHarness()
    const answer = await call(harness.url, path)
    assert.equal(answer.status, 404)
    assert.equal(answer.json.error.code, 'fleet_off')
    assert.match(answer.json.error.message, /--fleet-listen/)
  })

  test(`GET ${path} needs a key where there are keys`, async () => {
    await using harness = await startFleet({ apiKeys: ['sesame'] })
    assert.equal((await call(harness.url, path)).status, 401)
    const headers = { authorization: 'Bearer sesame' }
    const answer = await call(harness.url, path, { method: 'HEAD', headers })
    assert.equal(answer.status, 200)
  })

  test(`GET ${path} is 503 while the engine loads`, async () => {
    await using harness = await startFleet({ env: { FAKE_LOAD_MS: '60000' }, isReady: false })
    assert.equal((await call(harness.url, path)).json.error.code, 'not_ready')
    harness.engine.kill()
  })
}

test('/v1/fleet/events tells the fleet at once and then each change', async () => {
  await using harness = await startFleet({ times: { fleetPollMs: 10, pingMs: 20 } })
  const watching = await watch(harness)
  assert.equal(watching.res.headers['content-type'], 'text/event-stream; charset=utf-8')
  await until(() => watching.text().split(': ping').length > 3)
  assert.equal(watching.events().length, 1, 'nothing changed')
  assert.equal(watching.events()[0]?.domains[1]?.state, 'loading')
  await call(harness.url, '/v1/chat/completions', { body: chat('echo a') })
  await until(() => watching.events().at(-1)?.domains[1]?.state === 'ready')
  const [first, second] = watching.events()
  assert.equal(first?.intervalMs, 0)
  assert.ok(second !== undefined && second.intervalMs >= 9)
  watching.req.destroy()
})

test('/v1/fleet/events asks the engine no more often for many than for one', async () => {
  await using harness = await startFleet({
    env: { FAKE_FLEET: 'count' },
    times: { fleetPollMs: 50 },
  })
  const all = await Promise.all(Array.from({ length: 20 }, () => watch(harness)))
  await until(() => all.every(({ events }) => events().length >= 4))
  for (const { events } of all) {
    const epochs = events().map(({ epoch }) => epoch)
    // Every look gives another epoch, so that none was made for somebody else.
    for (const [i, epoch] of epochs.entries()) assert.equal(epoch, (epochs[0] ?? 0) + i)
  }
  for (const { req } of all) req.destroy()
})

test('/v1/fleet/events waits for no place and takes none', async () => {
  await using harness = await startFleet({ config: { parallel: 1 }, maxQueue: 0 })
  const watching = [await watch(harness), await watch(harness)]
  const answer = await call(harness.url, '/v1/chat/completions', { body: chat('echo a') })
  assert.equal(answer.status, 200)
  for (const { req } of watching) req.destroy()
})

test('/v1/fleet/events takes 64 clients, and another when one has left', async () => {
  await using harness = await startFleet()
  const all = await Promise.all(Array.from({ length: 64 }, () => watch(harness)))
  const refused = await call(harness.url, '/v1/fleet/events')
  assert.equal(refused.status, 429)
  assert.equal(refused.json.error.code, 'fleet_watchers_full')
  all[0]?.req.destroy()
  await until(async () => {
    const next = await watch(harness)
    all.push(next)
    return next.res.statusCode === 200
  })
  for (const { req } of all) req.destroy()
})

test('/v1/fleet/events ends with the server, which does not wait for it', async () => {
  await using harness = await startFleet()
  const watching = await watch(harness)
  const LONG_MS = 600_000
  await harness.server.close(LONG_MS)
  await until(watching.isOver)
  assert.ok(watching.res.complete, 'cut instead of ended')
})

test('/v1/fleet/events outlives the engine', async () => {
  await using harness = await startFleet({ times: { fleetPollMs: 10 } })
  const watching = await watch(harness)
  await call(harness.url, '/v1/chat/completions', { body: chat('echo a') })
  await until(() => watching.events().at(-1)?.domains[1]?.state === 'ready')
  harness.engine.kill()
  // The new engine has made no step, so its fleet loads again.
  await until(() => watching.events().at(-1)?.domains[1]?.state === 'loading')
  watching.req.destroy()
})

test('/v1/fleet/events tells what happens before the fleet as it is then', async () => {
  await using harness = await startFleet({ times: { fleetPollMs: 10 } })
  const watching = await watch(harness)
  await until(() => watching.events().length === 1)
  const known = watching.events()[0]?.events.map(({ kind }) => kind)
  assert.deepEqual(known, ['joined', 'ready'])
  await call(harness.url, '/v1/fleet/domains/attic/drain', { method: 'POST' })
  await until(() => watching.changes().length === 2)
  const [draining, drained] = watching.changes()
  const { atMs, ...rest } = draining ?? {}
  assert.equal(typeof atMs, 'number')
  assert.deepEqual(rest, { seq: 3, kind: 'draining', domain: 1, name: 'attic', text: '' })
  assert.equal(drained?.kind, 'drained')
  const blocks = watching.text().split('\n\n')
  const at = blocks.findIndex(isDrained)
  assert.match(blocks[at + 1] ?? '', /^event: fleet\n.*"drained"/)
  watching.req.destroy()
})

function isDrained(block: string): boolean {
  return block.startsWith('event: change') && block.includes('"drained"')
}

test('/v1/fleet/events tells what happens after an engine was started again', async () => {
  await using harness = await startFleet({ times: { fleetPollMs: 10 } })
  const drain = () => call(harness.url, '/v1/fleet/domains/attic/drain', { method: 'POST' })
  await drain()
  const watching = await watch(harness)
  await until(() => watching.changes().length === 1)
  harness.engine.kill()
  await until(async () => (await drain()).status === 202)
  await until(() => watching.changes().length >= 3)
  watching.req.destroy()
})

test('/metrics tells of domains, links and layers, and never of experts', async () => {
  await using harness = await startFleet()
  await call(harness.url, '/v1/chat/completions', { body: chat('echo a') })
  const lines = async (): Promise<string[]> => {
    const { text } = await call(harness.url, '/metrics')
    const wanted = /^sputnik_(fleet|domain|layer)_/
    return text.split('\n').filter((line) => wanted.test(line) && !line.includes('name="head"'))
  }
  const first = await lines()
  const labels = 'domain="1",name="attic"'
  assert.deepEqual(
    first.map((line) => line.replace(labels, '..')),
    [
      'sputnik_fleet_epoch 3',
      'sputnik_fleet_replicas 1',
      'sputnik_fleet_pages 24',
      'sputnik_fleet_pages_moving 2',
      'sputnik_fleet_pages_to_move 6',
      'sputnik_fleet_pages_short 1',
      'sputnik_fleet_pages_orphaned 1',
      'sputnik_domain_ready{..} 1',
      'sputnik_domain_pages{..} 12',
      'sputnik_domain_page_bytes{..} 6291456',
      'sputnik_domain_round_trip_seconds{..} 0.00025',
      'sputnik_domain_expert_calls_total{..} 100',
      'sputnik_domain_hedges_total{..} 3',
      'sputnik_domain_late_replies_total{..} 2',
      'sputnik_domain_losses_total{..} 4',
      'sputnik_domain_bad_pages_total{..} 1',
      'sputnik_domain_fetched_bytes_total{..} 6291456',
      'sputnik_fleet_domains{state="ready"} 2',
      'sputnik_domain_tier_bytes{..,tier="device"} 1572864',
      'sputnik_domain_tier_bytes{..,tier="host"} 4718592',
      'sputnik_domain_tier_bytes{..,tier="disk"} 0',
      'sputnik_domain_reply_seconds{..,quantile="0.5"} 0.0015',
      'sputnik_domain_reply_seconds{..,quantile="0.99"} 0.012',
      'sputnik_domain_link_bytes_total{..,direction="sent"} 2048',
      'sputnik_domain_link_bytes_total{..,direction="received"} 1024',
      'sputnik_layer_expert_calls_total{layer="0"} 400',
      'sputnik_layer_expert_calls_total{layer="1"} 140',
      'sputnik_layer_balance_ratio{layer="0"} 2.8',
      'sputnik_layer_balance_ratio{layer="1"} 1.1428571428571428',
      'sputnik_layer_dead_experts{layer="0"} 2',
      'sputnik_layer_dead_experts{layer="1"} 1',
    ],
  )
  assert.deepEqual(await lines(), first, 'the same again')
})

test('/metrics forgets a domain that was evicted', async () => {
  await using harness = await startFleet()
  assert.match((await call(harness.url, '/metrics')).text, /name="attic"/)
  await call(harness.url, '/v1/fleet/domains/attic', { method: 'DELETE' })
  assert.doesNotMatch((await call(harness.url, '/metrics')).text, /name="attic"/)
})

test('FleetFeed looks at nothing while nobody watches', async () => {
  let looks = 0
  const feed = new FleetFeed({
    read: async () => {
      looks++
      return null
    },
    pollMs: 1,
  })
  await assert.rejects(feed.watch({ changed: () => {}, ended: () => {} }), { code: 'FLEET_OFF' })
  assert.equal(feed.watchers, 0)
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(looks, 1)
  feed.close()
  const late = feed.watch({ changed: () => {}, ended: () => {} })
  await assert.rejects(late, { code: 'SHUTTING_DOWN' })
})
