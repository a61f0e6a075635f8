/**
 * What the catalogue says of a card. Every figure carries where it comes from and how far it can be
 * trusted, because vendors, blogs and other planners contradict each other by factors of two.
 */

/**
 * `read`: in the cited text. `recalled`: from the named vendor document, not read again.
 * `derived`: by arithmetic from others. `weak`: a prior only.
 */
export type Trust = 'read' | 'recalled' | 'derived' | 'weak'

/** A figure in SI units: bytes, hertz, watts, bytes per second, FLOP per second, US dollars. */
export type Figure = {
  readonly value: number
  readonly unit: string
  readonly source: string
  readonly trust: Trust
}

export type NumberFormat = 'fp32' | 'bf16' | 'fp16' | 'fp8' | 'fp4' | 'int8'
/** What products are summed in: a GeForce halves its rate with the wider one. */
export type Accumulator = 'fp32' | 'fp16' | 'int32'

/** Dense, never with sparsity. Of `int8` it counts integer operations. */
export type Rate = Figure & {
  readonly format: NumberFormat
  readonly accumulator: Accumulator
  /** Why the arithmetic of clock and units does not hold for this rate, where it need not. */
  readonly unchecked?: string
}

export type PriceKind = 'list' | 'street' | 'used' | 'on-demand' | 'contract' | 'spot' | 'own'

/** `list`, `street`, `used`: to buy, in dollars. The others: dollars of one hour. */
export type Price = Figure & {
  readonly kind: PriceKind
  /** ISO year, month or day, as exactly as the source tells. */
  readonly date: string
  readonly venue: string
}

export type Vendor = 'nvidia' | 'amd' | 'apple' | 'intel'

export type Card = {
  /** As the fleet file names it: `rtx-5090`. */
  readonly id: string
  readonly name: string
  readonly vendor: Vendor
  readonly year: number
  /** Whose licence or cooling keeps it at home, or whose price keeps it there. */
  readonly class: 'datacenter' | 'workstation' | 'consumer' | 'integrated'
  /** As compilers name it: `sm_120`, `gfx942`. */
  readonly architecture?: string
  /** Streaming multiprocessors, compute units, GPU cores or cores of a processor. */
  readonly units: Figure
  readonly tensorCoresPerUnit?: Figure
  /** Clock at which the rates hold. */
  readonly clock: Figure
  /** Highest that it reaches at all; tells how far off an inferred `clock` may be. */
  readonly maxClock?: Figure
  readonly rates: readonly Rate[]
  readonly memory: Figure
  /** What a program can have of `memory`. */
  readonly usableMemory: Figure
  readonly bandwidth: Figure
  readonly l2?: Figure
  readonly power: Figure
  readonly idlePower?: Figure
  /** To the host, one way; `unit` B/s. Absent where card and host are one chip. */
  readonly hostLink?: Figure & { readonly kind: string }
  /** Whether cards reach each other without the host's memory. */
  readonly peerToPeer: boolean
  /** Cards joined by a faster link than the host's, and what each has of it, one way. */
  readonly scaleUp?: { readonly cards: number; readonly bandwidth: Figure }
  readonly prices: readonly Price[]
  readonly notes: readonly string[]
}
