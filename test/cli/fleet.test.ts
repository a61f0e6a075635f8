/** `sputnik fleet` as a real command against real servers. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { parseUrl } from '../../src/cli/fleet.js'
import type { FleetEvent } from '../../src/cli/fleet-client.js'
import { ratesBetween } from '../../src/cli/fleet-table.js'
import { MAIN, serve, sputnik } from '../e2e/served.js'
import {
  FAKE_ENGINE,
  type Harness,
  type HarnessOptions,
  startHarness,
  until,
} from '../server/harness.js'

function startFleet(options: HarnessOptions = {}): Promise<Harness> {
  const times = { fleetPollMs: 100 }
  return startHarness({ times, ...options, config: { fleetListen: '10.0.0.1:10458' } })
}

/** One that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

type Top = { readonly child: ChildProcess; readonly stdout: () => string }

function top(url: string): Top {
  const child = spawn(process.execPath, [MAIN, 'fleet', 'top', '--url', url])
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  return { child, stdout: () => stdout }
}

test('fleet ls prints a line for each domain', async () => {
  await using harness = await startFleet()
  const { status, stdout, stderr } = await sputnik('fleet', 'ls', '--url', `${harness.url}/v1/`)
  assert.equal(status, 0, stderr)
  const [titles = '', head = '', attic = '', , totals = ''] = stdout.split('\n')
  const wanted = 'id name node state devices pages bytes calls sent received round trip'
  assert.equal(titles.replace(/\s+/g, ' '), wanted)
  assert.match(head, /^0 {3}head +- +ready +CPU +12 +6\.00 MiB +0 +0 B +0 B +-$/)
  assert.match(attic, /^1 {3}attic +n0de1-\S+ +loading +cpu,cuda0 .* 0\.25 ms$/)
  assert.match(totals, /^1 of 2 domains ready, 24 pages .*join at 10\.0\.0\.1:10458$/)
})

test('fleet ls --json prints what the server said', async () => {
  await using harness = await startFleet({ apiKeys: ['sesame'] })
  const args = ['fleet', 'ls', '--url', harness.url, '--api-key', 'sesame', '--json']
  const { stdout } = await sputnik(...args)
  const fleet = JSON.parse(stdout)
  assert.equal(fleet.domains.length, 2)
  assert.equal(fleet.totals.ready, 1)
})

test('fleet ls lets no device steer the terminal', async () => {
  await using harness = await startFleet({ env: { FAKE_DEVICE: 'x\u001b]0;title\u0007\n' } })
  const { stdout } = await sputnik('fleet', 'ls', '--url', harness.url)
  assert.match(stdout, /cpu,x\?\]0;title\?\?/)
})

for (const command of ['ls', 'top']) {
  test(`fleet ${command} says that no server is there`, async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    const { status, stdout, stderr } = await sputnik('fleet', command, '--url', url)
    assert.equal(status, 1)
    assert.match(stderr, /^SERVER_UNREACHABLE {2}.*127\.0\.0\.1.*ECONNREFUSED.*\nfix: .*--url/)
    assert.equal(stdout, '')
  })

  test(`fleet ${command} says that the key is wrong`, async () => {
    await using harness = await startFleet({ apiKeys: ['sesame'] })
    const wrong = await sputnik('fleet', command, '--url', harness.url, '--api-key', 'no')
    assert.equal(wrong.status, 4)
    assert.match(wrong.stderr, /^SERVER_KEY_REFUSED .*does not know this key\nfix: .*--api-key/)
    assert.match((await sputnik('fleet', command, '--url', harness.url)).stderr, /asks for a key/)
  })

  test(`fleet ${command} says that no domain can join`, async () => {
    await using harness = await startHarness()
    const { status, stderr } = await sputnik('fleet', command, '--url', harness.url)
    assert.equal(status, 2)
    assert.match(stderr, /^FLEET_OFF .*\nfix: .*--fleet-listen/)
  })

  test(`fleet ${command} tells another server from sputnik`, async () => {
    const server = createServer((_, res) => res.end('data: {"domains": 1}\n\n')).listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { status, stderr } = await sputnik('fleet', command, '--url', `http://localhost:${port}`)
    server.close()
    assert.equal(status, 1)
    assert.match(stderr, /^SERVER_STRANGE/)
  })
}

test('fleet top prints tables with rates until a signal', async () => {
  await using harness = await startFleet({ env: { FAKE_FLEET: 'busy' } })
  const { child, stdout } = top(harness.url)
  await until(() => /attic .* [1-9]\d* +[\d.]+ KiB/.test(stdout()) || child.exitCode !== null)
  assert.match(stdout(), /calls\/s +sent\/s +received\/s/)
  assert.ok(!stdout().includes('\u001b'), 'no terminal, no escapes')
  child.kill('SIGINT')
  const [status] = await once(child, 'exit')
  assert.equal(status, 0)
})

test('fleet top ends when the server does, with a reason', async () => {
  await using harness = await startFleet()
  const { child, stdout } = top(harness.url)
  let stderr = ''
  child.stderr?.on('data', (text) => {
    stderr += text
  })
  await until(() => stdout().includes('attic') || child.exitCode !== null)
  await harness.server.close(0)
  const [status] = await once(child, 'close')
  assert.equal(status, 1)
  assert.match(stderr, /^SERVER_UNREACHABLE/)
})

const hasScript = spawnSync('script', ['--version']).status === 0

test('fleet top draws on a terminal and ends on q', { skip: !hasScript }, async () => {
  await using harness = await startFleet()
  const command = `${process.execPath} ${MAIN} fleet top --url ${harness.url}`
  const child = spawn('script', ['-qec', command, '/dev/null'])
  let screen = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    screen += text
  })
  await until(() => screen.includes('attic') || child.exitCode !== null)
  assert.ok(screen.includes('\u001b[?1049h'), 'a page of its own')
  child.stdin.write('q')
  const [status] = await once(child, 'close')
  assert.equal(status, 0)
  assert.ok(screen.endsWith('\u001b[?25h\u001b[?1049l'), 'the terminal is given back')
})

test('serve --fleet-listen tells the engine where, with the usual port', async () => {
  await using served = await serve('m', '--engine', FAKE_ENGINE, '--fleet-listen', '127.0.0.1')
  const { stdout } = await sputnik('fleet', 'ls', '--url', served.url, '--json')
  assert.equal(JSON.parse(stdout).address, '127.0.0.1:10458')
})

test('ratesBetween divides by the time in which it changed and spares who is new', () => {
  const domain = { id: 1, nodeId: 'a', name: 'a', state: 'ready', devices: [], pages: 0 }
  const counts = { pageBytes: 0, expertCalls: 10, bytesSent: 100, bytesReceived: 50 }
  const old = { ...domain, ...counts, roundTripMs: null }
  const event = (more: Partial<typeof old>): FleetEvent => ({
    headId: 'h',
    address: null,
    modelHash: '',
    epoch: 0,
    domains: [{ ...old, ...more }],
    moving: 0,
    orphans: 0,
    totals: { domains: 1, ready: 1, pages: 0, pageBytes: 0 },
    intervalMs: 500,
  })
  const after = event({ expertCalls: 30, bytesSent: 110, bytesReceived: 20 })
  assert.deepEqual(ratesBetween(event({}), after).get(1), { calls: 40, sent: 20, received: 0 })
  assert.equal(ratesBetween(event({}), event({ nodeId: 'b' })).get(1), undefined)
  assert.equal(ratesBetween(event({}), { ...after, intervalMs: 0 }).size, 0)
})

test('parseUrl takes what clients of the API are given', () => {
  assert.equal(parseUrl('http://box:1/v1/'), 'http://box:1')
  assert.equal(parseUrl('http://box:1'), 'http://box:1')
  assert.equal(parseUrl('https://box/sputnik/v1'), 'https://box/sputnik')
  for (const text of ['box:1', 'ftp://box', '']) assert.throws(() => parseUrl(text), /URL/)
})
