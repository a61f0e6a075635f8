/** `sputnik join` as a real command with a fake domain process. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseBytes } from '../../src/base/units.js'
import { parseListenAddress, readAddress } from '../../src/cli/address.js'
import type { DomainConfig } from '../../src/domain/protocol.js'
import { formatJoinKey } from '../../src/fabric/join-key.js'
import { MAIN } from '../e2e/served.js'
import { until } from '../server/harness.js'
import { childrenOf, survivorsAfterWait } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'

const FAKE_DOMAIN = fileURLToPath(new URL('./fake-domain.js', import.meta.url))
const PIN = 'ab'.repeat(32)
const SECRET = randomBytes(18).toString('hex')
const KEY = formatJoinKey({ pin: PIN, id: '01234567', secret: SECRET })
const OTHER_KEY = formatJoinKey({ pin: 'cd'.repeat(32), id: '89abcdef', secret: SECRET })
const STATE = scratchDirectory()
const LIVES = join(STATE, 'lives')

type Joining = AsyncDisposable & {
  readonly child: ChildProcess
  readonly stderr: () => string
  readonly ended: Promise<number | null>
}

function joinHead(name: string, ...args: string[]): Joining {
  const all = ['join', 'box:99', '--key', KEY, '--name', name, '--domain', FAKE_DOMAIN, ...args]
  const env = { ...process.env, XDG_STATE_HOME: STATE, FAKE_LIVES: `${LIVES}-${name}` }
  const child = spawn(process.execPath, [MAIN, ...all], { env })
  const ended = once(child, 'close').then(([status]) => status as number | null)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const dispose = async (): Promise<void> => {
    const domains = childrenOf(child.pid ?? 0)
    child.kill('SIGKILL')
    assert.deepEqual(await survivorsAfterWait(domains), [], 'processes stay behind')
  }
  return { child, stderr: () => stderr, ended, [Symbol.asyncDispose]: dispose }
}

async function untilReady({ stderr, child }: Joining): Promise<void> {
  await until(() => /^ready /m.test(stderr()) || child.exitCode !== null)
  assert.match(stderr(), /^ready /m)
}

function startsOf(name: string): number[] {
  const lines = readFileSync(`${LIVES}-${name}`, 'utf8').trim().split('\n')
  return lines.map((line) => Number(line.split(' ')[1]))
}

test('join hands the domain all that it needs, and nothing on its command line', async () => {
  const pages = ['--model', MAIN, '--no-search', '--source', 'http://a/m.gguf', '--source']
  const store = ['https://b/m.gguf', '--page-store', STATE, '--page-store-size', '5g']
  const card = ['--memory', '8GiB', '--threads', '3']
  await using joining = joinHead('config', ...pages, ...store, ...card)
  await untilReady(joining)
  const config: DomainConfig = JSON.parse(/^ready +(\{.*\})$/m.exec(joining.stderr())?.[1] ?? '')
  assert.match(config.identity.keyPem, /PRIVATE KEY/)
  const { identity, ...rest } = config
  assert.deepEqual(rest, {
    heads: [{ host: 'box', port: 99, pin: PIN, key: { id: '01234567', secret: SECRET } }],
    name: 'config',
    device: 'cpu',
    threads: 3,
    modelPath: MAIN,
    search: false,
    sources: ['http://a/m.gguf', 'https://b/m.gguf'],
    pageStore: { folder: STATE, bytesMax: 5 * 1024 ** 3 },
    memoryBytes: 8 * 1024 ** 3,
    backend: 'auto',
    logLevel: 'warn',
    plain: false,
  })
  assert.ok(joining.stderr().includes(`config is ${identity.nodeId}\n`))
  const [domain = 0] = childrenOf(joining.child.pid ?? 0)
  const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(domain)], { encoding: 'utf8' })
  assert.ok(stdout.includes('fake-domain') && !stdout.includes(SECRET) && !stdout.includes(KEY))
})

test('join lends to several heads, each with its key, and names them', async () => {
  const more = ['box2', '--key', OTHER_KEY, '[::1]:7', '--key', KEY]
  await using joining = joinHead('several', ...more)
  await untilReady(joining)
  const lines = joining.stderr().split('\n').slice(1)
  const fix = lines.filter((line) => line.startsWith('fix: '))
  assert.equal(fix.length, 2)
  assert.deepEqual(lines.filter((line) => line !== '' && !line.startsWith('fix: ')).slice(0, 3), [
    'connecting box:99: to box',
    'lost       box2:10458: PEER_UNREACHABLE  fake; again in 2 s',
    'lost       [::1]:7: NODE_EVICTED  fake; not tried again',
  ])
})

test('join gives each head the key at its place', async () => {
  await using joining = joinHead('config', 'box2', '--key', OTHER_KEY)
  await untilReady(joining)
  const text = /^ready +box:99: (\{.*\})$/m.exec(joining.stderr())?.[1] ?? ''
  const { heads, threads }: DomainConfig = JSON.parse(text)
  assert.deepEqual(
    heads.map(({ host, port, pin, key }) => [host, port, pin, key?.id]),
    [
      ['box', 99, PIN, '01234567'],
      ['box2', 10_458, 'cd'.repeat(32), '89abcdef'],
    ],
  )
  assert.equal(threads, Math.max(1, Math.floor(availableParallelism() / 2)))
})

test('join prints a line for each state, and what was fetched', async () => {
  await using joining = joinHead('fetch')
  await untilReady(joining)
  const lines = joining.stderr().split('\n').slice(1, -1)
  assert.deepEqual(
    lines.map((line) => line.split(/ +/).slice(0, 4).join(' ')),
    ['connecting to box', 'holds 3 pages, 3.00', lines[2]?.split(/ +/).join(' ')],
  )
  assert.ok(!joining.stderr().includes('\u001b'), 'no terminal, no escapes')
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`join ends its domain and exits 0 on ${signal}`, async () => {
    await using joining = joinHead(`ok-${signal}`)
    await untilReady(joining)
    const domains = childrenOf(joining.child.pid ?? 0)
    assert.equal(domains.length, 1)
    joining.child.kill(signal)
    assert.equal(await joining.ended, 0)
    assert.deepEqual(await survivorsAfterWait(domains), [])
  })
}

test('join ends a deaf domain at once on the second signal', async () => {
  await using joining = joinHead('deaf')
  await untilReady(joining)
  const domains = childrenOf(joining.child.pid ?? 0)
  joining.child.kill('SIGTERM')
  await until(() => joining.stderr().includes('leaving'))
  joining.child.kill('SIGTERM')
  assert.equal(await joining.ended, 143)
  assert.deepEqual(await survivorsAfterWait(domains), [])
})

test('join ends with a failure that is final', async () => {
  await using joining = joinHead('refused')
  assert.equal(await joining.ended, 4)
  assert.match(joining.stderr(), /^JOIN_KEY_USED {2}fake JOIN_KEY_USED\nfix: Make a join key/m)
  assert.equal(startsOf('refused').length, 1)
})

test('join starts a domain again that crashed or found no head, later each time', async () => {
  await using joining = joinHead('crash.away.ok')
  await untilReady(joining)
  assert.match(joining.stderr(), /^lost +signal SIGKILL; again in 1 s$/m)
  assert.match(joining.stderr(), /^lost +PEER_UNREACHABLE .*; again in 2 s\nfix: Check host/m)
  const [first = 0, second = 0, third = 0] = startsOf('crash.away.ok')
  assert.ok(second - first >= 1000 && third - second >= 2000)
})

test('join ends at once while it waits to start again', async () => {
  await using joining = joinHead('away')
  await until(() => joining.stderr().includes('again in 2 s'))
  joining.child.kill('SIGTERM')
  assert.equal(await joining.ended, 0)
})

test('join leaves no domain behind when it is killed', async () => {
  await using joining = joinHead('ok.kill')
  await untilReady(joining)
  const domains = childrenOf(joining.child.pid ?? 0)
  joining.child.kill('SIGKILL')
  await joining.ended
  assert.deepEqual(await survivorsAfterWait(domains), [])
})

const refused: ReadonlyArray<readonly [args: readonly string[], status: number, text: RegExp]> = [
  [['join', 'box'], 2, /^USAGE .*--key/],
  [['join', '--key', KEY], 2, /^USAGE .*host:port/],
  [['join', 'box:0', '--key', KEY], 2, /^USAGE .*host:port/],
  [['join', 'box', '--key', KEY.slice(0, -4)], 2, /^JOIN_KEY_INVALID .*its end is missing/],
  [['join', 'box', '--key', KEY, '--name', 'a b'], 2, /^USAGE .*letters/],
  [['join', 'box', '--key', KEY, '--memory', 'much'], 2, /^USAGE .*8GiB/],
  [['join', 'box', '--key', KEY, '--source', 'ftp://a/m'], 2, /^USAGE .*https/],
  [['join', 'box', '--key', KEY, '--page-store-size', '-1'], 2, /^USAGE .*8GiB/],
  [['join', 'box', '--key', KEY, '--device', 'cpu,'], 2, /^USAGE .*cuda0/],
  [['join', 'box', 'box2', '--key', KEY], 2, /^USAGE .*2 and 1/],
  [['join', 'box', '--key', KEY, '--key', OTHER_KEY], 2, /^USAGE .*1 and 2/],
  [['join', 'box', 'box', '--key', KEY, '--key', OTHER_KEY], 2, /^USAGE .*twice/],
  [['join', 'box', 'box.lan', '--key', KEY, '--key', KEY], 2, /^USAGE .*twice/],
  [['join', 'box', '--key', KEY, '--model', '/no.gguf'], 3, /^FILE_NOT_FOUND/],
  [['serve', 'm', '--fleet-listen', 'a:b:c'], 2, /^USAGE .*host:port/],
]

for (const [args, status, text] of refused) {
  const shown = args.map((arg) => arg.slice(0, 20)).join(' ')
  test(`sputnik ${shown} exits ${status}`, () => {
    const env = { ...process.env, XDG_STATE_HOME: STATE }
    const finished = spawnSync(process.execPath, [MAIN, ...args], { env, encoding: 'utf8' })
    assert.equal(finished.status, status, finished.stderr)
    assert.match(finished.stderr, text)
  })
}

test('readAddress takes host and port apart', () => {
  assert.deepEqual(readAddress('box'), { host: 'box', port: 10_458 })
  assert.deepEqual(readAddress('[::1]:7'), { host: '::1', port: 7 })
})

test('parseListenAddress lets the system choose a port', () => {
  assert.equal(parseListenAddress('127.0.0.1:0'), '127.0.0.1:0')
  assert.equal(parseListenAddress('[::]:0'), '[::]:0')
  assert.equal(parseListenAddress('0.0.0.0'), '0.0.0.0:10458')
  for (const text of ['', ':0', '[:]:0', 'a b:0']) assert.throws(() => parseListenAddress(text))
})

test('parseBytes reads sizes as people write them', () => {
  assert.equal(parseBytes('8GiB'), 8 * 1024 ** 3)
  assert.equal(parseBytes('1.5 g'), 1.5 * 1024 ** 3)
  assert.equal(parseBytes('512mb'), 512 * 1024 ** 2)
  assert.equal(parseBytes('10B'), 10)
  assert.equal(parseBytes('4096'), 4096)
  for (const text of ['', '-1', 'GiB', '8 Gb s', '1e9', '999999999999T']) {
    assert.equal(parseBytes(text), undefined, text)
  }
})
