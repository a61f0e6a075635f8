/**
 * How far a number of pages has come on its way to none, and how long it will take at the pace so
 * far. Pure; knows nothing of which pages.
 */

type Start = { readonly left: number; readonly atMs: number }

const BAR_CHARACTERS = 24

export class MoveProgress {
  /** When it was most, since it was none. */
  #start: Start | undefined
  #last: Start | undefined

  note(left: number, atMs: number): void {
    const hasGrown = left > (this.#last?.left ?? 0)
    this.#last = { left, atMs }
    if (left === 0) this.#start = undefined
    else if (hasGrown || this.#start === undefined) this.#start = { left, atMs }
  }

  /** From 0 to 1. */
  get share(): number {
    return this.#start === undefined ? 1 : 1 - (this.#last?.left ?? 0) / this.#start.left
  }

  /** Undefined while nothing has moved yet. */
  get leftMs(): number | undefined {
    const { left, atMs } = this.#last ?? { left: 0, atMs: 0 }
    if (left === 0) return 0
    const done = (this.#start?.left ?? left) - left
    return done === 0 ? undefined : (left * (atMs - (this.#start?.atMs ?? atMs))) / done
  }
}

export function formatBar(share: number): string {
  const full = Math.floor(Math.min(1, Math.max(0, share)) * BAR_CHARACTERS)
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_CHARACTERS - full)}]`
}

export function formatShare(share: number): string {
  return `${Math.floor(100 * share)} %`
}

/** `3 s`, `12 min`, `2 h 5 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 100) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
