/** `sputnik fleet` as a real command against real servers. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { parseUrl } from '../../src/cli/fleet.js'
import { MAIN, serve, sputnik } from '../e2e/served.js'
import { FAKE_ENGINE, startHarness, until } from '../server/harness.js'
import { startFleet } from './fleet-support.js'

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

function top(url: string, ...more: string[]): Top {
  const child = spawn(process.execPath, [MAIN, 'fleet', 'top', '--url', url, ...more])
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  return { child, stdout: () => stdout }
}

test('fleet ls prints domains, pages and what is yet to move', async () => {
  await using harness = await startFleet()
  const { status, stdout, stderr } = await sputnik('fleet', 'ls', '--url', `${harness.url}/v1/`)
  assert.equal(status, 0, stderr)
  assert.equal(
    stdout,
    `\
id  name   node                     state    cards      pages  holds                            calls  sent  received  round trip  reply p50  p99    hedges  late  losses  bad pages  address
0   head   -                        ready    CPU        12     6.00 MiB host                    0      0 B   0 B       -           -          -      0       0     0       0          -
1   attic  n0de1-n0de2-n0de3-n0de4  loading  cpu,cuda0  12     1.50 MiB device + 4.50 MiB host  0      0 B   0 B       0.25 ms     1.50 ms    12 ms  3       2     4       1          10.0.0.7:40000

1 of 2 domains ready, epoch 3; domains join at 10.0.0.1:10458
24 pages (12.0 MiB), 1 holder each: 6 to move, 2 on their way, 1 short, 1 held by nobody
[##################------] 75 % in place
`,
  )
})

test('fleet ls --json prints what the server said', async () => {
  await using harness = await startFleet({ apiKeys: ['sesame'] })
  const args = ['fleet', 'ls', '--url', harness.url, '--api-key', 'sesame', '--json']
  const { stdout } = await sputnik(...args)
  const fleet = JSON.parse(stdout)
  assert.equal(fleet.domains.length, 2)
  assert.equal(fleet.totals.ready, 1)
})

test('fleet ls lets no name and no device steer the terminal', async () => {
  const evil = 'x\u001b]0;title\u0007\n\u202e\u2028'
  await using harness = await startFleet({ env: { FAKE_DEVICE: evil, FAKE_NAME: evil } })
  const { stdout } = await sputnik('fleet', 'ls', '--url', harness.url)
  assert.match(stdout, /^1 {3}x\?\]0;title\?\?\?\? .* cpu,x\?\]0;title\?\?\?\? /m)
})

for (const command of ['ls', 'top', 'experts']) {
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
  assert.match(stdout(), /calls\/s +sent\/s +received\/s +reply p50 +p99/)
  assert.match(stdout(), /^\[-+\] 0 % moved$/m)
  assert.match(
    stdout(),
    /^at +who +what\n..:00:02 +attic \(1\) +ready\n..:00:01 +attic \(1\) +joined +10/m,
  )
  assert.ok(!stdout().includes('\u001b'), 'no terminal, no escapes')
  child.kill('SIGINT')
  const [status] = await once(child, 'exit')
  assert.equal(status, 0)
})

test('fleet top --json prints a line for each change', async () => {
  await using harness = await startFleet({ env: { FAKE_FLEET: 'busy' } })
  const { child, stdout } = top(harness.url, '--json')
  await until(() => stdout().split('\n').length > 2 || child.exitCode !== null)
  child.kill('SIGTERM')
  const [status] = await once(child, 'exit')
  assert.equal(status, 0)
  const [first = '', second = ''] = stdout().split('\n')
  assert.ok(JSON.parse(first).domains[0].expertCalls < JSON.parse(second).domains[0].expertCalls)
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

test('parseUrl takes what clients of the API are given', () => {
  assert.equal(parseUrl('http://box:1/v1/'), 'http://box:1')
  assert.equal(parseUrl('http://box:1'), 'http://box:1')
  assert.equal(parseUrl('https://box/sputnik/v1'), 'https://box/sputnik')
  for (const text of ['box:1', 'ftp://box', '']) assert.throws(() => parseUrl(text), /URL/)
})
