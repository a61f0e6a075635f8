/**
 * How long the head waits for one layer's experts: dispatches leave by its port, domains compute,
 * sums come back by the same port. Two models that need no packets; one that simulates packets
 * fits behind the same function.
 */

/** What the head and one domain exchange in a layer. */
export type Exchange = {
  readonly domain: number
  /** 0 for a domain on the head's own host. */
  readonly dispatchBytes: number
  readonly computeS: number
  readonly combineBytes: number
}

/** From the router's choice until the last sum is at the head, in seconds. */
export type LayerNetwork = (exchanges: readonly Exchange[]) => number

export type Links = {
  /** Of the head's port, each way. */
  readonly headBytesPerSecond: number
  /** Of each domain's port, by id. */
  readonly domainBytesPerSecond: readonly number[]
  /** One way between the head and any domain, beside the bytes: switch, wire, programs. */
  readonly latencyS: number
  /** Of the switch, for all its ports; only packets know of it. */
  readonly bufferBytes: number
}

/** Dispatch, compute and combine in turn, each as slow as the slowest port or domain. */
export function closedForm({
  headBytesPerSecond,
  domainBytesPerSecond,
  latencyS,
}: Links): LayerNetwork {
  const wireS = (exchanges: readonly Exchange[], bytesOf: (one: Exchange) => number): number => {
    let sum = 0
    let slowestS = 0
    for (const one of exchanges) {
      const bytes = bytesOf(one)
      sum += bytes
      slowestS = Math.max(slowestS, bytes / (domainBytesPerSecond[one.domain] ?? 1))
    }
    return sum === 0 ? 0 : latencyS + Math.max(slowestS, sum / headBytesPerSecond)
  }
  return (exchanges) => {
    let computeS = 0
    for (const one of exchanges) computeS = Math.max(computeS, one.computeS)
    return (
      wireS(exchanges, ({ dispatchBytes }) => dispatchBytes) +
      computeS +
      wireS(exchanges, ({ combineBytes }) => combineBytes)
    )
  }
}

/**
 * Dispatches leave the head's port one after the other, in the order given; each domain begins
 * when its own is there; sums enter the head's port in the order in which they are ready. So early
 * domains compute while others still receive.
 */
export function flowModel(links: Links): LayerNetwork {
  const { headBytesPerSecond, domainBytesPerSecond, latencyS } = links
  return (exchanges) => {
    const ready: { readonly atS: number; readonly bytes: number; readonly ownS: number }[] = []
    let doneS = 0
    let sentS = 0
    for (const { domain, dispatchBytes, computeS, combineBytes } of exchanges) {
      if (dispatchBytes + combineBytes === 0) {
        doneS = Math.max(doneS, computeS)
        continue
      }
      const rate = domainBytesPerSecond[domain] ?? 1
      const startS = sentS
      sentS += dispatchBytes / headBytesPerSecond
      const thereS = Math.max(sentS, startS + dispatchBytes / rate) + latencyS
      const atS = thereS + computeS + latencyS
      ready.push({ atS, bytes: combineBytes, ownS: combineBytes / rate })
    }
    ready.sort((a, b) => a.atS - b.atS)
    let portS = 0
    for (const { atS, bytes, ownS } of ready) {
      portS = Math.max(portS, atS) + bytes / headBytesPerSecond
      doneS = Math.max(doneS, portS, atS + ownS)
    }
    return doneS
  }
}
