/**
 * Several heads send to one domain at once, through a port with a shallow buffer: with one budget of
 * credit for all heads, with one for each of them, and without credits, taking turns, over real TCP
 * and TLS in network namespaces of this machine.
 */
import { join } from 'node:path'
import { defined } from '../src/base/assert.js'
import { type Case, equalRow, type Measured, type Port, unequalRows } from './heads-report.js'
import { BUDGETS, type FromHead, type HeadStart, monotonicMs, type ToHead } from './heads-shared.js'
import {
  addLosses,
  lossesDuring,
  NO_LOSSES,
  SHALLOW_PORT,
  type Star,
  whyNoNamespaces,
} from './namespaces.js'
import type { Benchmark, BenchmarkOptions, Row } from './report.js'
import type { FromNode, NodeStart } from './star-node.js'
import { forEachHost, type StarProcess, type StarProcesses, withStar } from './star-processes.js'

const HEADS = [2, 4, 8]
/** Of a dispatch: of a long prompt, and of a step that decodes several sequences. */
const LARGE_BYTES = 256 << 10
const SMALL_BYTES = 16 << 10
const TURN_MS = 1500
/** Not measured: after the other's turn TCP starts slowly again (RFC 2861). */
const SETTLE_MS = 200
/** Until every head has heard what to do. */
const START_MS = 50
/** Not reported: V8 compiles what runs often. */
const WARM_UP_ROUNDS = 1

export const heads: Benchmark = {
  name: 'heads',
  about: `${HEADS.join(', ')} heads send to one domain at once through a port of 1 Gbit/s`,
  isLong: true,
  run: async (options) => {
    const reason = whyNoNamespaces()
    if (reason !== undefined) return [{ title: `heads: left out, ${reason}`, rows: [] }]
    const sizes = { ...options, turnMs: TURN_MS, largeBytes: LARGE_BYTES, smallBytes: SMALL_BYTES }
    const equal: Row[] = []
    for (const count of HEADS) equal.push(...(await measureEqual({ ...sizes, heads: count })))
    const unequal = await measureUnequal(sizes)
    const [large, small] = [LARGE_BYTES >> 10, SMALL_BYTES >> 10]
    return [
      { title: `heads: each sends ${large} KiB at a time`, rows: equal },
      { title: `heads: ${small} KiB at a time, alone and beside ${large} KiB`, rows: unequal },
    ]
  },
}

export type HeadsOptions = BenchmarkOptions & {
  readonly turnMs: number
  readonly largeBytes: number
  readonly smallBytes: number
}

/** All heads send large dispatches. */
export function measureEqual(options: HeadsOptions & { readonly heads: number }): Promise<Row[]> {
  const { heads: count, largeBytes, say } = options
  const loads = Array.from({ length: count }, () => largeBytes)
  return withHeads(count, async (fleet) => {
    say(`heads: ${count} at once`)
    const cases = BUDGETS.map((budget) => ({ budget, loads }))
    const measured = await measure(fleet, { cases, options })
    return measured.map((one) => equalRow(one, portOf(options)))
  })
}

/** One head sends small dispatches, alone and beside one that sends large ones. */
export function measureUnequal(options: HeadsOptions): Promise<Row[]> {
  const { largeBytes, smallBytes, say } = options
  return withHeads(2, async (fleet) => {
    say('heads: a small one, alone and beside a large one')
    const cases = BUDGETS.flatMap((budget) => [
      { budget, loads: [smallBytes] },
      { budget, loads: [smallBytes, largeBytes] },
    ])
    const measured = await measure(fleet, { cases, options })
    return unequalRows(measured, portOf(options))
  })
}

function portOf({ turnMs }: HeadsOptions): Port {
  return { turnMs, bytesPerSecond: SHALLOW_PORT.bitsPerSecond / 8 }
}

type Head = StarProcess<FromHead, ToHead>
type Fleet = { readonly heads: readonly Head[]; readonly star: Star }

function withHeads<T>(count: number, use: (fleet: Fleet) => Promise<T>): Promise<T> {
  return withStar({ hosts: count + 1, ...SHALLOW_PORT }, async (processes) => {
    const begun = await forEachHost(count, (host) => startHead(processes, host))
    const opened = begun.map(({ head }) => head.message('opened'))
    const joined = BUDGETS.map((budget) => {
      const start: NodeStart = {
        domains: [{ folder: join(processes.folder, budget), namespace: null }],
        doors: begun.map(({ doors }) => doors[budget]),
        hasSharedCredits: budget === 'shared',
      }
      const at = { host: 0, file: './star-node.js', start }
      return processes.begin<FromNode, never>(at).message('joined')
    })
    await Promise.all([...opened, ...joined])
    return use({ heads: begun.map(({ head }) => head), star: processes.star })
  })
}

async function startHead(processes: StarProcesses, host: number) {
  const folder = join(processes.folder, `${host}`)
  const start: HeadStart = { folder, host: processes.star.address(host) }
  const head = processes.begin<FromHead, ToHead>({ host, file: './heads-head.js', start })
  const { doors } = await head.message('doors')
  return { head, doors }
}

type Measuring = { readonly cases: readonly Case[]; readonly options: HeadsOptions }

/** All cases in turns, round by round. */
async function measure(fleet: Fleet, { cases, options }: Measuring): Promise<Measured[]> {
  const measured = cases.map((one) => ({ ...one, turns: [] as number[][][], losses: NO_LOSSES }))
  for (let round = 0; round < WARM_UP_ROUNDS + options.rounds; round++) {
    for (const one of measured) {
      const run = () => runTurn(fleet, one, options.turnMs)
      const { done, losses } = await lossesDuring(fleet.star, run)
      if (round < WARM_UP_ROUNDS) continue
      one.turns.push(done)
      one.losses = addLosses(one.losses, losses)
    }
  }
  return measured
}

async function runTurn({ heads }: Fleet, one: Case, turnMs: number): Promise<number[][]> {
  const fromMs = monotonicMs() + START_MS + SETTLE_MS
  const time = { fromMs, untilMs: fromMs + turnMs }
  const done = one.loads.map((bytes, i) => {
    const head = defined(heads[i], 'a head')
    const answer = head.message('done')
    head.tell({ kind: 'turn', budget: one.budget, bytes, ...time })
    return answer
  })
  return (await Promise.all(done)).map(({ ms }) => ms)
}
