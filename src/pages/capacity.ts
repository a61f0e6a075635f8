/**
 * What domains can hold and how fast they are, and from that how many bytes of pages each should
 * get. Knows nothing of single experts.
 */
import { SputnikError } from '../base/errors.js'
import { formatBytes, US_PER_SECOND } from '../base/units.js'
import type { RegionSize } from './holder-table.js'

/** Measured at some batch sizes (tokens of one expert), or a roofline where nothing was. */
export type CardSpeed =
  | { readonly points: readonly { readonly tokens: number; readonly usPerPair: number }[] }
  | { readonly flopsPerSecond: number; readonly bytesPerSecond: number }

/** Of a card that was not measured yet; only the ratio between cards counts. */
export const UNMEASURED_SPEED: CardSpeed = { flopsPerSecond: 1e12, bytesPerSecond: 10e9 }

export type CardCapacity = { readonly memoryBytes: number; readonly speed: CardSpeed }

export type DomainCapacity = { readonly id: number; readonly cards: readonly CardCapacity[] }

/** `flopsPerPair`: of one token and one expert; without it only bytes count. */
export type RegionPages = RegionSize & {
  readonly pageBytes: number
  readonly flopsPerPair?: number
}

/** A domain in numbers: what it can hold, its speed, and what it should hold. */
export type Quota = {
  readonly id: number
  readonly capacityBytes: number
  /** Microseconds of one (token, expert) pair, all its cards at work. */
  readonly pairUs: number
  readonly quotaBytes: number
}

/** Microseconds of one pair when each expert computes `tokens` of them at once. */
export function cardPairUs(
  { speed }: CardCapacity,
  { region, tokens }: { region: RegionPages; tokens: number },
): number {
  if ('points' in speed) return interpolate(speed.points, tokens)
  const computeSeconds = (region.flopsPerPair ?? 0) / speed.flopsPerSecond
  const readSeconds = region.pageBytes / (speed.bytesPerSecond * tokens)
  return Math.max(computeSeconds, readSeconds) * US_PER_SECOND
}

function interpolate(
  points: readonly { readonly tokens: number; readonly usPerPair: number }[],
  tokens: number,
): number {
  const sorted = [...points].sort((a, b) => a.tokens - b.tokens)
  const above = sorted.find((point) => point.tokens >= tokens)
  const below = sorted.findLast((point) => point.tokens <= tokens)
  if (above === undefined || below === undefined) return (above ?? below)?.usPerPair ?? 1
  if (above.tokens === below.tokens) return below.usPerPair
  const share = (tokens - below.tokens) / (above.tokens - below.tokens)
  return below.usPerPair + share * (above.usPerPair - below.usPerPair)
}

/** Its cards share the experts by their speed, so their rates add. */
export function domainPairUs(
  { cards }: DomainCapacity,
  at: { region: RegionPages; tokens: number },
): number {
  return 1 / cards.reduce((rate, card) => rate + 1 / cardPairUs(card, at), 0)
}

/**
 * Bytes of pages that surely fit: a page lies on one card. With pages of one size whole pages
 * are counted; otherwise each card of several may end with almost one page of room to spare.
 */
export function usableBytes({ cards }: DomainCapacity, pageSizes: readonly number[]): number {
  const [size = 1] = pageSizes
  const largest = Math.max(...pageSizes)
  return cards.reduce((sum, { memoryBytes }) => {
    if (largest === size && Math.min(...pageSizes) === size) {
      return sum + Math.floor(memoryBytes / size) * size
    }
    return sum + Math.max(0, cards.length > 1 ? memoryBytes - largest + 1 : memoryBytes)
  }, 0)
}

export type QuotaRequest = {
  readonly regions: readonly RegionPages[]
  readonly domains: readonly DomainCapacity[]
  readonly replicas: number
  /** Tokens of one expert in a step, for the speed. */
  readonly tokensPerExpert: number
}

/**
 * Shares all replicas of all pages out by speed, as far as memory allows.
 * @throws SputnikError PLACEMENT_FULL
 */
export function makeQuotas(request: QuotaRequest): Quota[] {
  const { regions, domains, replicas, tokensPerExpert } = request
  const modelBytes = totalBytes(regions)
  const sizes = [...new Set(regions.map(({ pageBytes }) => pageBytes))]
  const heaviest = regions.reduce((a, b) => (b.pageBytes > a.pageBytes ? b : a))
  const rooms = domains.map((domain) => {
    const capacityBytes = usableBytes(domain, sizes)
    const pairUs = domainPairUs(domain, { region: heaviest, tokens: tokensPerExpert })
    return { id: domain.id, capacityBytes, pairUs }
  })
  // A domain holds no page twice.
  const limits = rooms.map(({ capacityBytes }) => Math.min(capacityBytes, modelBytes))
  checkFit(limits, { modelBytes, replicas })
  const quotas = shareOut(
    modelBytes * replicas,
    rooms.map(({ pairUs }, at) => ({ limit: limits[at] ?? 0, weight: 1 / pairUs })),
  )
  return rooms.map((room, at) => ({ ...room, quotaBytes: quotas[at] ?? 0 }))
}

export function totalBytes(regions: readonly RegionPages[]): number {
  return regions.reduce((sum, { experts, pageBytes }) => sum + experts * pageBytes, 0)
}

/** Of so many pages of each region. */
export function heldBytes(
  regions: readonly RegionPages[],
  pages: (region: number) => number,
): number {
  return regions.reduce((sum, { pageBytes }, region) => sum + pageBytes * pages(region), 0)
}

function checkFit(
  limits: readonly number[],
  { modelBytes, replicas }: { modelBytes: number; replicas: number },
): void {
  if (limits.length < replicas) {
    const text = `${replicas} replicas need ${replicas} domains, there are ${limits.length}`
    throw new SputnikError('PLACEMENT_FULL', text, { domains: limits.length, replicas })
  }
  const room = limits.reduce((sum, limit) => sum + limit, 0)
  const missing = modelBytes * replicas - room
  if (missing > 0) throw noFit(missing)
}

export function noFit(missingBytes: number): SputnikError {
  return new SputnikError(
    'PLACEMENT_FULL',
    `the pages do not fit into the memory of the domains: ${missingBytes} bytes (${formatBytes(missingBytes)}) are missing`,
    { missingBytes },
  )
}

/** Shares `total` by weight; what is over a limit goes to the others. */
function shareOut(
  total: number,
  rooms: readonly { readonly limit: number; readonly weight: number }[],
): number[] {
  const shares = new Array<number>(rooms.length).fill(0)
  const ratio = ({ limit, weight }: { limit: number; weight: number }): number => limit / weight
  const order = rooms
    .map((room, at) => ({ ...room, at }))
    .sort((a, b) => ratio(a) - ratio(b) || a.at - b.at)
  let left = total
  order.forEach(({ limit, weight, at }, place) => {
    const weightLeft = order.slice(place).reduce((sum, room) => sum + room.weight, 0)
    const share = Math.min(limit, (left * weight) / weightLeft)
    shares[at] = share
    left -= share
  })
  return shares
}
