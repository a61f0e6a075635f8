/**
 * Many domains answer one head at once, through a port with a shallow buffer: with credits and
 * without, taking turns, over real TCP and TLS in network namespaces of this machine.
 */
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median, quantile } from '../src/base/statistics.js'
import type { FromChild, Rounds, ToHead } from './incast-shared.js'
import { openStar, type Star, type TcpCounters, whyNoNamespaces } from './namespaces.js'
import { type Benchmark, type BenchmarkOptions, judge, type Row, type Section } from './report.js'

const DOMAINS = 16
const BITS_PER_SECOND = 1e9
const BUFFER_BYTES = 100_000
const CONGESTION_CONTROL = 'cubic'
const REPLY_BYTES = [32 << 10, 64 << 10, 128 << 10, 256 << 10]
/** Rounds of one kind before the other has its turn. */
const TURN_ROUNDS = 20
/** Not measured: after the other's turn TCP starts slowly again (RFC 2861). */
const SETTLE_ROUNDS = 3
/** Of 17 machines, each with its cores for itself, so what else runs here must not take part. */
const HEAD_PRIORITY = -20
const DOMAIN_PRIORITY = -15
/** With credits and without, where a round takes much longer. */
const WARM_UP = [
  [true, 150],
  [false, 20],
] as const
/** More of them would keep each other from answering in time. */
const STARTED_AT_ONCE = 4
const ANSWER_MS = 120_000

const GOODPUT_MIN = 0.85
const TAIL_RATIO_MAX = 1 / 3

export const incast: Benchmark = {
  name: 'incast',
  about: `${DOMAINS} domains answer at once through a port of 1 Gbit/s, in network namespaces`,
  run: async (options) => {
    const reason = whyNoNamespaces()
    if (reason !== undefined) return [{ title: `incast: left out, ${reason}`, rows: [] }]
    return measureIncast({ ...options, domains: DOMAINS, replyBytes: REPLY_BYTES })
  },
}

export type IncastOptions = BenchmarkOptions & {
  readonly domains: number
  readonly replyBytes: readonly number[]
}

type Measured = TcpCounters & {
  readonly ms: number[]
  readonly dropped: number
  /** As the head's credits see it at the end. */
  readonly bytesPerSecond: number
  readonly window: number
}

export async function measureIncast(options: IncastOptions): Promise<Section[]> {
  const { domains, replyBytes, say } = options
  const star = openStar({
    hosts: domains + 1,
    bitsPerSecond: BITS_PER_SECOND,
    bufferBytes: BUFFER_BYTES,
    congestionControl: CONGESTION_CONTROL,
  })
  const folder = mkdtempSync(join(tmpdir(), 'sputnik-incast-'))
  const children: ChildProcess[] = []
  const kill = (): void => {
    for (const child of children) child.kill('SIGKILL')
  }
  const leave = (): never => process.exit(1)
  process.once('exit', kill).once('SIGINT', leave).once('SIGTERM', leave)
  try {
    const head = await startAll(star, { folder, children, domains })
    const rows: Row[] = []
    for (const bytes of replyBytes) {
      say(`incast: replies of ${bytes} bytes`)
      await warmUp(head, bytes)
      rows.push(...(await measureBoth({ head, star, bytes, options })))
    }
    return [{ title: `incast: ${domains} domains, ${CONGESTION_CONTROL}`, rows }]
  } finally {
    kill()
    process.off('exit', kill).off('SIGINT', leave).off('SIGTERM', leave)
    await Promise.all(children.map((child) => ended(child)))
    star.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

type Starting = {
  readonly folder: string
  readonly children: ChildProcess[]
  readonly domains: number
}

async function startAll(
  star: Star,
  { folder, children, domains }: Starting,
): Promise<ChildProcess> {
  const begin = (host: number, file: string, args: string[], stdio: SpawnOptions['stdio']) => {
    const path = fileURLToPath(new URL(file, import.meta.url))
    const child = star.start(host, [process.execPath, path, ...args], { stdio: stdio ?? 'inherit' })
    if (child.pid !== undefined)
      setPriority(child.pid, host === 0 ? HEAD_PRIORITY : DOMAIN_PRIORITY)
    children.push(child)
    return child
  }
  const stdio = ['ignore', 'inherit', 'inherit'] as const
  const head = begin(0, './incast-head.js', [join(folder, '0'), `${domains}`], [...stdio, 'ipc'])
  const { doors } = await messageOf(head, 'doors')
  for (let first = 1; first <= domains; first += STARTED_AT_ONCE) {
    const last = Math.min(domains, first + STARTED_AT_ONCE - 1)
    const joined = Array.from({ length: last - first + 1 }, (_, i) => {
      const host = first + i
      const start = { host: star.address(0), folder: join(folder, `${host}`), doors }
      const args = [JSON.stringify(start)]
      return messageOf(begin(host, './incast-node.js', args, [...stdio, 'ipc']), 'joined')
    })
    await Promise.all(joined)
  }
  await messageOf(head, 'opened')
  return head
}

/** V8 compiles what runs often, and in processes of a fleet all of this does. */
async function warmUp(head: ChildProcess, bytes: number): Promise<void> {
  for (const [isCredited, rounds] of WARM_UP) {
    await runRounds(head, { isCredited, replyBytes: bytes, rounds })
  }
}

function runRounds(head: ChildProcess, rounds: Rounds): Promise<Message<'done'>> {
  const answer = messageOf(head, 'done')
  head.send({ kind: 'rounds', ...rounds } satisfies ToHead)
  return answer
}

type Message<K extends FromChild['kind']> = FromChild & { readonly kind: K }

function messageOf<K extends FromChild['kind']>(child: ChildProcess, kind: K): Promise<Message<K>> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(timer)
      child.off('message', hear).off('exit', gone)
      act()
    }
    const hear = (message: FromChild): void => {
      if (message.kind === kind) settle(() => resolve(message as Message<K>))
    }
    const gone = (): void => settle(() => reject(new Error('a process of incast has ended')))
    const timer = setTimeout(() => settle(() => reject(new Error(`no ${kind}`))), ANSWER_MS)
    child.on('message', hear).on('exit', gone)
  })
}

type Comparison = {
  readonly head: ChildProcess
  readonly star: Star
  readonly bytes: number
  readonly options: IncastOptions
}

async function measureBoth({ head, star, bytes, options }: Comparison): Promise<Row[]> {
  const kinds = [true, false].map((isCredited) => ({ isCredited, measured: empty() }))
  for (let round = 0; round < options.rounds; round++) {
    for (const { isCredited, measured } of kinds) {
      const turn = { isCredited, replyBytes: bytes }
      await runRounds(head, { ...turn, rounds: SETTLE_ROUNDS })
      const before = { ...star.counters(), dropped: star.dropped() }
      const done = await runRounds(head, { ...turn, rounds: TURN_ROUNDS })
      measured.ms.push(...done.ms)
      measured.bytesPerSecond = done.bytesPerSecond
      measured.window = done.window
      const after = { ...star.counters(), dropped: star.dropped() }
      measured.retransmitted += after.retransmitted - before.retransmitted
      measured.timeouts += after.timeouts - before.timeouts
      measured.dropped += after.dropped - before.dropped
    }
  }
  const [credited, free] = kinds.map(({ measured }) => measured)
  if (credited === undefined || free === undefined) return []
  return rowsOf({ bytes, domains: options.domains, credited, free })
}

type Mutable = { -readonly [K in keyof Measured]: Measured[K] }

function empty(): Mutable {
  return {
    ms: [],
    retransmitted: 0,
    timeouts: 0,
    dropped: 0,
    bytesPerSecond: 0,
    window: 0,
  }
}

type Compared = {
  readonly bytes: number
  readonly domains: number
  readonly credited: Measured
  readonly free: Measured
}

function rowsOf({ bytes, domains, credited, free }: Compared): Row[] {
  const tail = (one: Measured): number => quantile(one.ms, 0.99)
  const row = (name: string, one: Measured): Row => ({
    'reply KiB': bytes / 1024,
    subject: name,
    goodput: share(one.ms, domains * bytes),
    'p50 ms': median(one.ms),
    'p99 ms': tail(one),
    dropped: one.dropped,
    retransmitted: one.retransmitted,
    timeouts: one.timeouts,
  })
  const goodput = share(credited.ms, domains * bytes)
  const ratio = tail(credited) / tail(free)
  return [
    { ...row('without credits', free) },
    {
      ...row('credits', credited),
      'window kB': credited.window / 1000,
      'rate Gbit/s': (8 * credited.bytesPerSecond) / 1e9,
      'p99 ratio': ratio,
      'goodput >= 0.85': judge(goodput, { atLeast: GOODPUT_MIN }).met ?? '',
      'p99 <= 1/3': judge(ratio, { atMost: TAIL_RATIO_MAX }).met ?? '',
      'no time-outs': credited.timeouts === 0 ? 'yes' : 'NO',
    },
  ]
}

/** Of the rate of the port; from request to last byte, so the wait for the first one counts. */
function share(ms: readonly number[], bytesPerRound: number): number {
  const seconds = ms.reduce((sum, one) => sum + one, 0) / 1000
  return (8 * ms.length * bytesPerRound) / seconds / BITS_PER_SECOND
}
