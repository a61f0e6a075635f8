/**
 * Many domains answer one head at once, through a port with a shallow buffer: with credits and
 * without, taking turns, over real TCP and TLS in network namespaces of this machine. Domains are
 * processes of their own, or all in one: of many machines each has a core that is awake, here all
 * of them wait for two.
 */
import { join } from 'node:path'
import { median, quantile, sum } from '../src/base/statistics.js'
import type { FromHead, HeadStart, Rounds, ToHead } from './incast-shared.js'
import {
  addLosses,
  type Losses,
  lossesDuring,
  NO_LOSSES,
  SHALLOW_PORT,
  type Star,
  whyNoNamespaces,
} from './namespaces.js'
import { type Benchmark, type BenchmarkOptions, judge, type Row, type Section } from './report.js'
import type { FromNode, NodeStart } from './star-node.js'
import { forEachHost, type StarProcess, type StarProcesses, withStar } from './star-processes.js'

const DOMAINS = 16
const REPLY_BYTES = [32 << 10, 64 << 10, 128 << 10, 256 << 10]
/** Rounds of one kind before the other has its turn. */
const TURN_ROUNDS = 20
/** Not measured: after the other's turn TCP starts slowly again (RFC 2861). */
const SETTLE_ROUNDS = 3
/** With credits and without, where a round takes much longer. */
const WARM_UP = [
  [true, 150],
  [false, 20],
] as const

const GOODPUT_MIN = 0.85
const TAIL_RATIO_MAX = 1 / 3

export const incast: Benchmark = {
  name: 'incast',
  about: `${DOMAINS} domains answer at once through a port of 1 Gbit/s, in network namespaces`,
  run: async (options) => {
    const reason = whyNoNamespaces()
    if (reason !== undefined) return [{ title: `incast: left out, ${reason}`, rows: [] }]
    const sizes = { ...options, domains: DOMAINS, replyBytes: REPLY_BYTES }
    const apart = await measureIncast({ ...sizes, isShared: false })
    return [...apart, ...(await measureIncast({ ...sizes, isShared: true }))]
  },
}

export type IncastOptions = BenchmarkOptions & {
  readonly domains: number
  readonly replyBytes: readonly number[]
  /** All domains in one process, each in the namespace of its own host. */
  readonly isShared: boolean
}

type Head = StarProcess<FromHead, ToHead>

type Measured = {
  readonly ms: number[]
  losses: Losses
  /** As the head's credits see it at the end. */
  bytesPerSecond: number
  window: number
}

export function measureIncast(options: IncastOptions): Promise<Section[]> {
  const { domains, replyBytes, isShared, say } = options
  return withStar({ hosts: domains + 1, ...SHALLOW_PORT }, async (processes) => {
    const head = await startAll(processes, options)
    const rows: Row[] = []
    for (const bytes of replyBytes) {
      say(`incast: replies of ${bytes} bytes`)
      await warmUp(head, bytes)
      rows.push(...(await measureBoth({ head, star: processes.star, bytes, options })))
    }
    const where = isShared ? 'all in one process' : 'each in a process'
    const title = `incast: ${domains} domains, ${where}, ${SHALLOW_PORT.congestionControl}`
    return [{ title, rows }]
  })
}

async function startAll(
  processes: StarProcesses,
  { domains, isShared }: Pick<IncastOptions, 'domains' | 'isShared'>,
): Promise<Head> {
  const folderOf = (host: number): string => join(processes.folder, `${host}`)
  const start: HeadStart = {
    folder: folderOf(0),
    host: processes.star.address(0),
    nodes: domains,
  }
  const head = processes.begin<FromHead, ToHead>({ host: 0, file: './incast-head.js', start })
  const { doors } = await head.message('doors')
  const opened = head.message('opened')
  if (isShared) {
    const { star } = processes
    await startNodes(processes, {
      host: null,
      doors,
      domains: Array.from({ length: domains }, (_, at) => {
        return { folder: folderOf(at + 1), namespace: star.namespace(at + 1) }
      }),
    })
  } else {
    await forEachHost(domains, (host) => {
      const own = [{ folder: folderOf(host), namespace: null }]
      return startNodes(processes, { host, doors, domains: own })
    })
  }
  await opened
  return head
}

type Nodes = Pick<NodeStart, 'domains' | 'doors'> & { readonly host: number | null }

async function startNodes(processes: StarProcesses, { host, ...nodes }: Nodes): Promise<void> {
  const start: NodeStart = { ...nodes, hasSharedCredits: false }
  const at = { host, file: './star-node.js', start }
  await processes.begin<FromNode, never>(at).message('joined')
}

/** V8 compiles what runs often, and in processes of a fleet all of this does. */
async function warmUp(head: Head, bytes: number): Promise<void> {
  for (const [isCredited, rounds] of WARM_UP) {
    await runRounds(head, { isCredited, replyBytes: bytes, rounds })
  }
}

function runRounds(head: Head, rounds: Rounds) {
  const done = head.message('done')
  head.tell({ kind: 'rounds', ...rounds })
  return done
}

type Comparison = {
  readonly head: Head
  readonly star: Star
  readonly bytes: number
  readonly options: IncastOptions
}

async function measureBoth({ head, star, bytes, options }: Comparison): Promise<Row[]> {
  const credited = empty()
  const free = empty()
  for (let round = 0; round < options.rounds; round++) {
    for (const measured of [credited, free]) {
      const turn = { isCredited: measured === credited, replyBytes: bytes }
      await runRounds(head, { ...turn, rounds: SETTLE_ROUNDS })
      const run = () => runRounds(head, { ...turn, rounds: TURN_ROUNDS })
      const { done, losses } = await lossesDuring(star, run)
      measured.ms.push(...done.ms)
      measured.bytesPerSecond = done.bytesPerSecond
      measured.window = done.window
      measured.losses = addLosses(measured.losses, losses)
    }
  }
  return rowsOf({ bytes, domains: options.domains, credited, free })
}

function empty(): Measured {
  return { ms: [], losses: NO_LOSSES, bytesPerSecond: 0, window: 0 }
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
    goodput: share(median(one.ms), domains * bytes),
    'of all rounds': share(sum(one.ms) / one.ms.length, domains * bytes),
    'p50 ms': median(one.ms),
    'p99 ms': tail(one),
    ...one.losses,
  })
  const goodput = share(median(credited.ms), domains * bytes)
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
      'no time-outs': credited.losses.timeouts === 0 ? 'yes' : 'NO',
    },
  ]
}

/** Of the rate of the port; from request to last byte, so the wait for the first one counts. */
function share(ms: number, bytes: number): number {
  return (8 * bytes) / (ms / 1000) / SHALLOW_PORT.bitsPerSecond
}
