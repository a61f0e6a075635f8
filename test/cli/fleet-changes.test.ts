/** `sputnik fleet drain`, `evict`, `pardon` and `experts` as real commands against a real server. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { MAIN, sputnik } from '../e2e/served.js'
import { call, type Harness, until } from '../server/harness.js'
import { startFleet } from './fleet-support.js'

const ATTIC = 'attic (n0de1-n0de2-n0de3-n0de4)'

function fleet(harness: Harness, ...args: string[]): ReturnType<typeof sputnik> {
  return sputnik('fleet', ...args, '--url', harness.url)
}

async function stateOf(harness: Harness): Promise<string | undefined> {
  const { text } = await call(harness.url, '/v1/fleet')
  return JSON.parse(text).domains[1]?.state
}

test('fleet drain waits until the node holds nothing', async () => {
  await using harness = await startFleet()
  const { status, stdout, stderr } = await fleet(harness, 'drain', 'attic')
  assert.equal(status, 0, stderr)
  assert.equal(stdout, `${ATTIC} holds nothing\n`)
  assert.match(stderr, /^draining attic: \d pages left, 0 %\n$/)
  assert.equal(await stateOf(harness), 'draining')
})

test('fleet drain --no-wait does not', async () => {
  await using harness = await startFleet({ env: { FAKE_FLEET: 'stuck' } })
  const { status, stdout, stderr } = await fleet(harness, 'drain', '1', '--no-wait')
  assert.deepEqual([status, stdout, stderr], [0, `${ATTIC} is draining\n`, ''])
  assert.equal(await stateOf(harness), 'draining')
})

test('fleet drain gives up when no page leaves', async () => {
  await using harness = await startFleet({ env: { FAKE_FLEET: 'stuck' } })
  const { status, stderr } = await fleet(harness, 'drain', 'attic', '--stall', '1s')
  assert.equal(status, 1)
  assert.match(stderr, /^DRAIN_STALLED {2}attic still holds 12 pages, and none left it for 1 s$/m)
  assert.match(stderr, /^fix: .*pardon/m)
})

test('fleet drain ends with the reason when somebody interferes', async () => {
  await using harness = await startFleet({ env: { FAKE_FLEET: 'stuck' } })
  for (const [action, reason] of [
    ['pardon', 'attic is loading and holds 12 pages'],
    ['evict', 'attic is gone'],
  ] as const) {
    const waiting = fleet(harness, 'drain', 'attic')
    await until(async () => (await stateOf(harness)) === 'draining')
    const path = '/v1/fleet/domains/attic'
    await (action === 'pardon'
      ? call(harness.url, `${path}/pardon`, { method: 'POST' })
      : call(harness.url, path, { method: 'DELETE' }))
    const { status, stderr } = await waiting
    assert.equal(status, 1)
    assert.ok(stderr.includes(`DRAIN_ENDED  ${reason}\n`), stderr)
  }
})

test('fleet drain leaves the draining alone on Ctrl+C', async () => {
  await using harness = await startFleet({ env: { FAKE_FLEET: 'stuck' } })
  const args = [MAIN, 'fleet', 'drain', 'attic', '--url', harness.url]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  await until(() => stderr.includes('pages left') || child.exitCode !== null)
  child.kill('SIGINT')
  const [status] = await once(child, 'close')
  assert.equal(status, 130)
  assert.match(stderr, /\nattic \(\S+\) goes on draining\n$/)
  assert.equal(await stateOf(harness), 'draining')
})

test('fleet evict and pardon say which node they meant', async () => {
  await using harness = await startFleet()
  const evicted = await fleet(harness, 'evict', '1')
  assert.equal(
    evicted.stdout,
    `${ATTIC} is evicted; it comes back with a new join key, or after \`sputnik fleet pardon\`\n`,
  )
  assert.equal(await stateOf(harness), undefined)
  const pardoned = await fleet(harness, 'pardon', 'n0de1-n0de2-n0de3-n0de4')
  assert.equal(pardoned.stdout, 'n0de1-n0de2-n0de3-n0de4 is pardoned\n')
  assert.notEqual(await stateOf(harness), undefined)
})

test('fleet drain, evict and pardon pass on why the head refuses', async () => {
  await using harness = await startFleet({ env: { FAKE_FLEET: 'twins' }, apiKeys: ['sesame'] })
  const key = ['--api-key', 'sesame']
  const refusals: ReadonlyArray<readonly [string[], number, string]> = [
    [['drain', 'celar', ...key], 3, 'NODE_UNKNOWN  no node is called "celar"\n'],
    [
      ['evict', 'attic', ...key],
      2,
      'NODE_AMBIGUOUS  "attic" may be n0de1-n0de2-n0de3-n0de4, n0de2-n0de2-n0de3-n0de4\n',
    ],
    [['drain', 'head', ...key], 2, "NODE_OWN  head is a card of the head's own host\n"],
    [['pardon', '1', ...key], 2, 'NODE_NOT_OUT  attic is here\n'],
    [['evict', '1'], 4, `SERVER_KEY_REFUSED  the server at ${harness.url} asks for a key\n`],
  ]
  for (const [args, wanted, text] of refusals) {
    const { status, stdout, stderr } = await fleet(harness, ...args)
    assert.deepEqual([status, stdout], [wanted, ''], stderr)
    assert.ok(stderr.startsWith(`${text}fix: `), stderr)
  }
})

test('fleet experts prints a map of all experts', async () => {
  await using harness = await startFleet()
  const { stdout } = await fleet(harness, 'experts')
  assert.equal(
    stdout,
    `\
calls of each expert against its fair share:
· never, ▁ to 1/4, ▂ to 1/2, ▃ to 3/4, ▄ about 1, ▅ to 3/2, ▆ to 2, ▇ to 4, █ more;
x held by nobody

layer  8 experts  max/mean  dead
0      ▆▁▃▄·▅▇·   2.80      2
1      ▄▄▄▄▄▄▄x   1.14      1

balance   max/mean 1.97 on average, 2.80 in layer 0
coverage  the busiest 10 % of the experts take 44 % of the calls
dead      3 of 16 experts were never called
holders   experts 1 with none, 11 with 1, 4 with 2

layer  expert  calls  of fair share  holders
0      6       140    2.80           head (host), attic (device)
0      0       100    2.00           head (host)
0      5       70     1.40           head (host), attic (device)
0      3       50     1.00           head (host)
0      2       30     0.60           head (host)
1      0       20     1.14           attic (device)
1      1       20     1.14           attic (device)
1      2       20     1.14           attic (device)
1      3       20     1.14           attic (host)
1      4       20     1.14           attic (host)
`,
  )
})

test('fleet experts --json prints the matrix, of one layer if asked for', async () => {
  await using harness = await startFleet()
  const all = JSON.parse((await fleet(harness, 'experts', '--json')).stdout)
  assert.equal(all.layers.length, 2)
  assert.deepEqual(all.layers[0].calls, [100, 10, 30, 50, 0, 70, 140, 0])
  const one = JSON.parse((await fleet(harness, 'experts', '--json', '--layer', '1')).stdout)
  assert.deepEqual(one.layers, [all.layers[1]])
  const none = await fleet(harness, 'experts', '--layer', '9')
  assert.equal(none.status, 2)
  assert.match(none.stderr, /^BAD_PARAM {2}`layer`: layer 9 has no routed experts\nfix: .*layer/)
})
