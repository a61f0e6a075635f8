/** Time of the parts that are not routed experts, on the cards that hold the trunk. */
import type { Efficiency } from './efficiency.js'
import type { Machine } from './machine.js'
import { cacheBytes, cacheFlops, type ModelWork, type Weights } from './model-work.js'
import type { CostOptions } from './options.js'

/** What the cards of a trunk do together. */
export type TrunkRates = {
  readonly bytesPerSecond: number
  readonly trunkFlops: number
  readonly cacheFlops: number
  readonly layerS: number
  /** Between the cards when each tensor is split over them, else undefined. */
  readonly sumBytesPerSecond?: number
}

export type TrunkLoad = {
  /** Through the weights. */
  readonly tokens: number
  /** Of these, prompt tokens. */
  readonly prefillTokens: number
  /** Caches that are read. */
  readonly sequences: number
  readonly contextTokens: number
  /** Tokens whose logits are wanted. */
  readonly outputs: number
}

export type TrunkTimes = {
  readonly attention: number
  readonly cache: number
  readonly router: number
  readonly shared: number
  readonly dense: number
  readonly output: number
}

export function trunkTimes(work: ModelWork, rates: TrunkRates, load: TrunkLoad): TrunkTimes {
  const time = (weights: Weights, tokens = load.tokens): number =>
    Math.max(
      weights.bytes / rates.bytesPerSecond,
      (tokens * weights.flopsPerToken) / rates.trunkFlops,
    )
  return {
    attention: time(work.attention) + sumsS(work, rates, load.tokens),
    cache: cacheS(work, rates, load),
    router: time(work.router),
    shared: time(work.shared),
    dense: time(work.dense),
    output: time(work.output, load.outputs),
  }
}

/** Each sequence's rows are read once, those of the prompt too. */
function cacheS(work: ModelWork, rates: TrunkRates, load: TrunkLoad): number {
  const { prefillTokens, contextTokens: context } = load
  const decodeTokens = load.tokens - prefillTokens
  const decode = cacheFlops(work, { context, phase: 'decode' })
  const prefill = prefillTokens > 0 ? cacheFlops(work, { context, phase: 'prefill' }) : 0
  const caches = load.sequences + (prefillTokens > 0 ? 1 : 0)
  return Math.max(
    (caches * cacheBytes(work, context)) / rates.bytesPerSecond,
    (decodeTokens * decode + prefillTokens * prefill) / rates.cacheFlops,
  )
}

/** Cards that split each tensor add up their results twice a layer, in 16 bits. */
function sumsS({ shape }: ModelWork, { sumBytesPerSecond }: TrunkRates, tokens: number): number {
  if (sumBytesPerSecond === undefined) return 0
  return (2 * shape.layers * 2 * tokens * shape.hidden * 2) / sumBytesPerSecond
}

/**
 * Rates of the head's cards. Layers that lie on several cards in turn take the sum of the cards'
 * times; those in host memory are the processor's.
 */
export function headRates(
  head: Machine,
  {
    onDevice,
    headSplit,
    efficiency,
  }: Pick<CostOptions, 'headSplit' | 'efficiency'> & { readonly onDevice: number },
): TrunkRates {
  const isSplit = headSplit === 'tensor' && head.deviceCount > 1 && onDevice === 1
  if (isSplit) return tensorRates(head, efficiency)
  const inRam = (rate: number): number => (onDevice === 1 ? 0 : (1 - onDevice) / rate)
  let byteS = inRam(head.ramBytesPerSecond)
  let trunkFlopS = inRam(efficiency.cpuFlopsPerSecond)
  let cacheFlopS = trunkFlopS
  for (const device of head.devices) {
    const share = (onDevice * device.count * device.memoryBytes) / head.deviceBytes
    byteS += share / device.bytesPerSecond
    trunkFlopS += share / device.trunkFlops
    cacheFlopS += share / device.cacheFlops
  }
  return {
    bytesPerSecond: 1 / byteS,
    trunkFlops: 1 / trunkFlopS,
    cacheFlops: 1 / cacheFlopS,
    layerS: head.layerS,
  }
}

function tensorRates(head: Machine, { hostHopS }: Efficiency): TrunkRates {
  const slowest = (of: (device: Machine['devices'][number]) => number): number =>
    head.deviceCount * Math.min(...head.devices.map(of))
  return {
    bytesPerSecond: slowest(({ bytesPerSecond }) => bytesPerSecond),
    trunkFlops: slowest(({ trunkFlops }) => trunkFlops),
    cacheFlops: slowest(({ cacheFlops }) => cacheFlops),
    layerS: head.layerS + 2 * hostHopS,
    sumBytesPerSecond: slowest(({ linkBytesPerSecond }) => linkBytesPerSecond) / head.deviceCount,
  }
}
