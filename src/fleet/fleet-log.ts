/**
 * The last things that happened to a fleet, numbered, for people who look at it. Bounded, and told
 * of moving pages now and then only. Knows nothing of how they came about.
 */

export type FleetChangeKind =
  | 'joined'
  | 'ready'
  | 'suspect'
  | 'lost'
  /** Joined again after it was lost. */
  | 'back'
  | 'kept-out'
  /** It is about to end by itself, and its pages move away before. */
  | 'leaving'
  | 'left'
  | 'draining'
  | 'drained'
  | 'evicted'
  | 'pardoned'
  /** Pages lie elsewhere than before. */
  | 'moved'
  /** A domain has pages no more that it was to hold. */
  | 'pages-gone'
  /** Nobody holds them. */
  | 'pages-lost'
  | 'pages-recovered'

export type FleetChange = {
  /** Grows by one; begins anew with the head. */
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly kind: FleetChangeKind
  /** Null when it concerns no domain, or a node that is none now. */
  readonly domain: number | null
  /** Of the domain or node; empty when there is none. */
  readonly name: string
  /** Reason or details; may be empty. */
  readonly text: string
}

export type FleetChangeAbout = {
  readonly domain?: { readonly id: number | null; readonly name: string }
  readonly text?: string
}

export const FLEET_CHANGES_KEPT = 64

const TEXT_MAX = 200
/** Moves are told of so often, and when the last page is where it should be. */
const MOVED_MS = 5_000

export class FleetLog {
  /** Milliseconds since 1970. */
  readonly #now: () => number
  #changes: readonly FleetChange[] = []
  #seq = 0
  #movedMs = Number.NEGATIVE_INFINITY

  constructor(now: () => number) {
    this.#now = now
  }

  /** Oldest first; not changed by what comes later. */
  get changes(): readonly FleetChange[] {
    return this.#changes
  }

  note(kind: FleetChangeKind, { domain, text = '' }: FleetChangeAbout = {}): void {
    const change: FleetChange = {
      seq: ++this.#seq,
      atMs: this.#now(),
      kind,
      domain: domain?.id ?? null,
      name: domain?.name ?? '',
      text: firstLine(text),
    }
    this.#changes = [...this.#changes, change].slice(-FLEET_CHANGES_KEPT)
  }

  /** The directory points elsewhere now; `left` pages have yet to move. */
  moved(epoch: number, left: number): void {
    const now = this.#now()
    if (left > 0 && now - this.#movedMs < MOVED_MS) return
    this.#movedMs = now
    const rest = left === 0 ? 'all pages lie where they should' : `${left} pages still to move`
    this.note('moved', { text: `epoch ${epoch}, ${rest}` })
  }
}

/** A reason may be a whole stack. */
function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, TEXT_MAX)
}
