/** Time of the parts that are not routed experts, on the cards that hold the trunk. */
import type { Efficiency } from './efficiency.js'
import type { OpenTimes } from './load.js'
import type { Machine } from './machine.js'
import { cacheBytes, type ModelWork, type Weights } from './model-work.js'
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
  readonly promptContextTokens: number
  /** Tokens whose logits are wanted. */
  readonly outputs: number
}

/** The other parts are 0, to be filled in. */
export function trunkTimes(work: ModelWork, rates: TrunkRates, load: TrunkLoad): OpenTimes {
  const { tokens } = load
  return {
    attention: weightsS(work.attention, rates, tokens) + sumsS(work, rates, tokens),
    cache: cacheS(work, rates, load),
    router: weightsS(work.router, rates, tokens),
    shared: weightsS(work.shared, rates, tokens),
    dense: weightsS(work.dense, rates, tokens),
    experts: 0,
    dispatch: 0,
    combine: 0,
    output: weightsS(work.output, rates, load.outputs),
    overhead: work.shape.layers * rates.layerS,
    hidden: 0,
  }
}

function weightsS({ bytes, flopsPerToken }: Weights, rates: TrunkRates, tokens: number): number {
  return Math.max(bytes / rates.bytesPerSecond, (tokens * flopsPerToken) / rates.trunkFlops)
}

/** Each sequence's rows are read once, those of the prompt too. */
function cacheS(work: ModelWork, rates: TrunkRates, load: TrunkLoad): number {
  const { prefillTokens, contextTokens, promptContextTokens } = load
  let bytes = load.sequences * cacheBytes(work, contextTokens)
  const { decode, prefill } = work.scoreFlopsPerByte
  let flops = (load.tokens - prefillTokens) * cacheBytes(work, contextTokens) * decode
  if (prefillTokens > 0) {
    const promptBytes = cacheBytes(work, promptContextTokens)
    bytes += promptBytes
    flops += prefillTokens * promptBytes * prefill
  }
  return Math.max(bytes / rates.bytesPerSecond, flops / rates.cacheFlops)
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
  let trunkFlopS = inRam(head.cpuFlops)
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
