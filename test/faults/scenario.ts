/** What a seed stands for: the model, the machines, the network, the steps. */
import { totalBytes } from '../../src/pages/capacity.js'
import type { CardTier } from '../../src/pages/domain-table.js'
import type { IntegerRegion } from './integer-model.js'
import type { WireOptions } from './network.js'
import type { Sim } from './sim.js'

export type CardPlan = {
  readonly memoryBytes: number
  readonly fixedMs: number
  readonly pairMs: number
}

export type DomainPlan = {
  readonly nodeId: string
  readonly cards: readonly CardPlan[]
  readonly wire: WireOptions
  /** Comes when the others are at work, or when faults are over. */
  readonly isLate: boolean
  /** Has the whole model on disk. */
  readonly hasCopy: boolean
  /** Of the sockets at both ends. */
  readonly bufferBytes: number
  /** Of a page otherwise. */
  readonly fetchMs: number
  /** Of pages that come otherwise: with wrong bytes. */
  readonly wrongShare: number
}

export type Scenario = {
  readonly regions: readonly IntegerRegion[]
  readonly width: number
  readonly isSummed: boolean
  readonly replicas: number
  readonly domains: readonly DomainPlan[]
  /** Cards of the head's host that take what domains cannot. */
  readonly ownCards: readonly CardPlan[]
  readonly isSpare: boolean
  readonly steps: number
  /** Mean time between steps. */
  readonly gapMs: number
  readonly faults: number
  readonly faultMs: number
}

const LARGE_SHARE = 0.05
const PAGE_BYTES = 1 << 20

/** The memory of each card of a domain: that of a GPU, of the machine, of a GPU. */
export function tierOf(card: number): CardTier {
  return card % 2 === 0 ? 'device' : 'host'
}

/** Most seeds are small, so that there can be many. */
export function drawScenario(sim: Sim): Scenario {
  const { prng } = sim
  const isLarge = sim.chance(LARGE_SHARE)
  const pick = (from: number, to: number): number => from + prng.nextBelow(to - from + 1)
  const areUneven = sim.chance(0.15)
  const regions = Array.from({ length: pick(1, isLarge ? 3 : 2) }, () =>
    drawRegion(sim, { isLarge, areUneven }),
  )
  const count = isLarge ? pick(2, 6) : pick(2, 3)
  const replicas = Math.min(count, pick(1, 3))
  const steps = isLarge ? pick(20, 50) : pick(5, 12)
  const faultMs = isLarge ? sim.between(1500, 9000) : sim.between(500, 3500)
  return {
    regions,
    width: sim.chance(0.1) ? 128 : 4,
    isSummed: sim.chance(0.6),
    replicas,
    domains: drawDomains(sim, { regions, count, replicas }),
    ownCards: sim.chance(0.3) ? [drawCard(sim, pagesOf(regions))] : [],
    isSpare: sim.chance(0.8),
    steps,
    gapMs: faultMs / steps,
    faults: pick(1, isLarge ? 6 : 4),
    faultMs,
  }
}

function drawRegion(
  { prng }: Sim,
  { isLarge, areUneven }: { isLarge: boolean; areUneven: boolean },
): IntegerRegion {
  const experts = 4 + prng.nextBelow(isLarge ? 13 : 5)
  const pageBytes = PAGE_BYTES * (areUneven ? 1 + prng.nextBelow(5) / 4 : 1)
  return { experts, pageBytes, nUsed: 1 + prng.nextBelow(4) }
}

type Wanted = { regions: readonly IntegerRegion[]; count: number; replicas: number }

/** In pages of the usual size. */
function pagesOf(regions: readonly IntegerRegion[]): number {
  return Math.ceil(totalBytes(regions) / PAGE_BYTES)
}

/** All together have room for the model once at least, often for all replicas. */
function drawDomains(sim: Sim, { regions, count, replicas }: Wanted): DomainPlan[] {
  const pages = pagesOf(regions)
  const times = sim.chance(0.3) ? sim.between(1, 1.5) : sim.between(replicas, replicas + 1.5)
  const parts = Array.from({ length: count }, () => sim.between(0.5, 1.5))
  const whole = parts.reduce((sum, part) => sum + part, 0)
  return parts.map((part, index) => {
    const room = Math.ceil((pages * times * part) / whole)
    return drawDomain(sim, { index, room })
  })
}

function drawDomain(sim: Sim, { index, room }: { index: number; room: number }): DomainPlan {
  const count = Math.min(room, 1 + sim.prng.nextBelow(3))
  const delayMs = sim.between(0.03, 2)
  return {
    nodeId: index.toString(16).padStart(64, '0'),
    cards: Array.from({ length: count }, (_, card) =>
      drawCard(sim, Math.floor((room + card) / count)),
    ),
    wire: {
      delayMs,
      jitterMs: delayMs * sim.between(0, 0.5),
      bytesPerMs: sim.chance(0.2) ? 1000 : sim.between(10_000, 1_000_000),
    },
    isLate: index > 1 && sim.chance(0.2),
    hasCopy: sim.chance(0.4),
    bufferBytes: sim.chance(0.1) ? 700 : 256 * 1024,
    fetchMs: sim.between(0.5, 20),
    wrongShare: sim.chance(0.15) ? 0.2 : 0,
  }
}

function drawCard(sim: Sim, pages: number): CardPlan {
  return {
    memoryBytes: pages * PAGE_BYTES,
    fixedMs: sim.between(0.1, 2),
    pairMs: sim.between(0.01, 0.3),
  }
}
