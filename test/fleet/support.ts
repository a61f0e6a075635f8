/** A fleet of real card processes that hold one region of a small model. */
import type { ExpertRecord } from '../../src/base/expert.js'
import { createLogger } from '../../src/base/log.js'
import { Prng } from '../../src/base/prng.js'
import { LocalDomain } from '../../src/domain/local-domain.js'
import { StepLoop } from '../../src/engine/step-loop.js'
import type { Load } from '../../src/fabric/control.js'
import { sharedBytes } from '../../src/fabric/shared-link.js'
import { Fleet as RealFleet } from '../../src/fleet/fleet.js'
import { FleetLog } from '../../src/fleet/fleet-log.js'
import { loadLibraries } from '../../src/native/library.js'
import { allocateNative } from '../../src/native/memory.js'
import { HAS_SHARED_MEMORY } from '../../src/native/shared-memory.js'
import { localSockets } from '../../src/native/sockets.js'
import { dealPages, pagesOf } from '../../src/pages/placement.js'
import { loadOf, recordOf, type Token } from '../card/support.js'
import { testModel } from '../support/models.js'

const LONG_MS = 30_000
const EXPERTS = 8

const USED = 3
const TENSORS = ['gate', 'up', 'down'].flatMap((role) => [`${role}.weight`, `${role}.scale`])

export type FleetOptions = {
  readonly cards: number
  readonly path?: string
  readonly isShared?: boolean
  readonly timeoutMs?: number
  readonly isSummed?: boolean
  /** Room of each card; as much as it begins with when left out. */
  readonly slots?: number
}

export type Fleet = {
  readonly domains: readonly LocalDomain[]
  readonly record: ExpertRecord
  /** Of the whole region, as one card would hold it. */
  readonly load: Load
  /** Domain of each expert; tests may change it. */
  readonly holders: Uint16Array
  readonly losses: string[]
  /** One sum per token, [nOut]. */
  compute(tokens: readonly Token[]): Float32Array[]
  close(): void
}

/** Domains that are not started yet. */
export function makeDomains({
  cards,
  path = testModel('qwen3moe'),
  isShared = true,
  slots,
}: FleetOptions): {
  domains: LocalDomain[]
  holders: Uint16Array
  load: Load
} {
  const placement = dealPages([{ experts: EXPERTS }], cards)
  const load = loadOf(path, { tensors: TENSORS, pages: [] })
  const domains = Array.from({ length: cards }, (_, id) => {
    const pages = pagesOf(placement, id)[0] ?? []
    return new LocalDomain({
      id,
      backend: 'cpu',
      load: {
        ...load,
        regions: load.regions.map((region) => ({ ...region, pages, ...(slots && { slots }) })),
      },
      sockets: localSockets(),
      // Small enough that some frames go through the socket.
      sharedBytes: isShared && HAS_SHARED_MEMORY ? sharedBytes(20_000) : 0,
      spinUs: 200,
      now: () => performance.now(),
      onProgress: () => {},
    })
  })
  return { domains, holders: Uint16Array.from(placement[0] ?? []), load }
}

export function openFleet(options: FleetOptions): Fleet {
  loadLibraries('cpu')
  const { domains, holders, load } = makeDomains(options)
  const activation = [{ op: 'glu', fn: 'SWIGLU', gate: 0, up: 1, alpha: 0, limit: 0 }] as const
  const record = recordOf(load, { activation, weights: 'after', nUsed: USED })
  for (const domain of domains) domain.start()
  for (const domain of domains) domain.awaitLoaded()
  for (const domain of domains) domain.learn([record])
  const losses: string[] = []
  const fleet = openStill(domains, losses)
  const loop = new StepLoop({
    fleet,
    format: { dispatch: 'f32', combine: 'f32', isSummed: options.isSummed ?? true },
    ownCount: domains.length,
    spinUs: 200,
    yield: localSockets().yield,
    now: () => performance.now(),
    expect: () => {},
    answerMs: options.timeoutMs ?? LONG_MS,
  })
  return {
    domains,
    record,
    load,
    holders,
    losses,
    compute: (tokens) => {
      fleet.directory.place([[...holders]])
      return computeStep(loop, { record, tokens })
    },
    close: () => {
      for (const domain of domains) domain.stop()
    },
  }
}

/** Moves no pages and takes no answers: that is what tests do here. */
class StillFleet extends RealFleet {
  override tick(): void {}
}

function openStill(own: readonly LocalDomain[], losses: string[]): RealFleet {
  const log = createLogger({ level: 'warn', part: 'test', write: (line) => losses.push(line) })
  const regions = [{ experts: EXPERTS, pageBytes: 1 }]
  const placement = dealPages(regions, own.length)
  const ownBytes = EXPERTS
  const news = new FleetLog(() => 0)
  const options = { regions, own, ownBytes, isSpare: false, placement, replicas: 1, log, news }
  return new StillFleet(options, 0)
}

function computeStep(
  loop: StepLoop,
  { record, tokens }: { record: ExpertRecord; tokens: readonly Token[] },
): Float32Array[] {
  const { nEmbd, nOut, nUsed } = record
  const input = allocateNative(4 * nEmbd * tokens.length)
  const output = allocateNative(4 * nOut * tokens.length)
  tokens.forEach((token, i) => {
    input.f32.set(token.x, i * nEmbd)
  })
  const pairs = tokens.flatMap((token) => token.pairs)
  loop.compute({
    region: 0,
    record,
    choice: {
      tokens: tokens.length,
      nUsed,
      experts: Int32Array.from(pairs, ({ expert }) => expert),
      weights: Float32Array.from(pairs, ({ weight }) => weight),
    },
    input: input.address,
    output: output.address,
  })
  return tokens.map((_, i) => output.f32.slice(i * nOut, (i + 1) * nOut))
}

/** Tokens that choose as the router of a model would. */
export function drawTokens(count: number, seed = 1): Token[] {
  const prng = Prng.fromSeed(seed)
  return Array.from({ length: count }, () => {
    const keys = Array.from({ length: EXPERTS }, (_, expert) => ({ expert, key: prng.nextFloat() }))
    keys.sort((a, b) => a.key - b.key)
    return {
      x: Float32Array.from({ length: 256 }, () => prng.nextGaussian()),
      pairs: keys
        .slice(0, USED)
        .map(({ expert }) => ({ expert, weight: Math.fround(prng.nextFloat()) })),
    }
  })
}
