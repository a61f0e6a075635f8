/**
 * Closed forms of what crosses the network: bytes of a token, and what a port carries. No latency,
 * no overlap; the step times of the other files are built on these.
 */

/** An activation of `hidden` values that goes to `copies` places and comes back from them. */
export type Exchange = {
  readonly hidden: number
  readonly copies: number
  readonly dispatchBytesPerValue: number
  readonly combineBytesPerValue: number
}

export function dispatchBytes({ hidden, copies, dispatchBytesPerValue }: Exchange): number {
  return hidden * copies * dispatchBytesPerValue
}

export function combineBytes({ hidden, copies, combineBytesPerValue }: Exchange): number {
  return hidden * copies * combineBytesPerValue
}

/**
 * Seconds in which `tokens` go out and then come back over a port, one after the other: the
 * formula of "Insights into DeepSeek-V3" (arXiv 2505.09343, section 2.3.2).
 */
export function exchangeS(
  exchange: Exchange,
  { tokens, bytesPerSecond }: { readonly tokens: number; readonly bytesPerSecond: number },
): number {
  return (tokens * (dispatchBytes(exchange) + combineBytes(exchange))) / bytesPerSecond
}

/**
 * Least seconds between two tokens when nothing but the wire takes time: two micro-batches take
 * turns, so a layer takes two exchanges (same section).
 */
export function wireBoundTpotS(
  exchange: Exchange,
  port: { readonly tokens: number; readonly bytesPerSecond: number; readonly layers: number },
): number {
  return 2 * port.layers * exchangeS(exchange, port)
}

/**
 * Most tokens per second that a port in full duplex carries, each token once through each of
 * `layers`: the fuller direction decides. Infinite when nothing crosses it.
 */
export function portTokensPerSecond(
  exchange: Exchange,
  port: { readonly bytesPerSecond: number; readonly layers: number },
): number {
  const bytes = Math.max(dispatchBytes(exchange), combineBytes(exchange)) * port.layers
  return port.bytesPerSecond / bytes
}
