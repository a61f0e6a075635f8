/**
 * Maps and unmaps on their way to one card: a few frames at a time, lost ones known again. Pages
 * are numbers of the domain's table. Pure.
 */

/** Frames a card works on at a time, so that what matters now need not wait behind many. */
const FRAMES_MAX = 4
const PAGES_MAX = 32

export type PageFrame = {
  /** Of the frame, among those to this card. */
  readonly id: number
  readonly kind: 'map' | 'unmap'
  readonly pages: readonly number[]
}

export class CardPages {
  readonly #toMap = new Set<number>()
  readonly #toUnmap = new Set<number>()
  /** Asked for again by themselves, because a frame fails as a whole. */
  readonly #alone = new Set<number>()
  readonly #sent = new Map<number, PageFrame>()
  #lastId = 0

  /** Whether the card has anything to do. */
  get isIdle(): boolean {
    return this.#toMap.size + this.#toUnmap.size + this.#sent.size === 0
  }

  map(page: number): void {
    this.#toMap.add(page)
  }

  unmap(page: number): void {
    this.#toUnmap.add(page)
  }

  /** A page that has not been sent yet is not to be mapped. */
  forget(page: number): void {
    this.#toMap.delete(page)
    this.#alone.delete(page)
  }

  /** The next frame to send now. Unmaps first: they make room. */
  next(): PageFrame | undefined {
    if (this.#sent.size >= FRAMES_MAX) return undefined
    const kind = this.#toUnmap.size > 0 ? 'unmap' : 'map'
    const pages = this.#pick(kind === 'unmap' ? this.#toUnmap : this.#toMap)
    if (pages.length === 0) return undefined
    const frame = { id: ++this.#lastId, kind, pages } as const
    this.#sent.set(frame.id, frame)
    return frame
  }

  /** What a frame was that the card has answered; undefined when it was not asked that. */
  finish(id: number): PageFrame | undefined {
    const frame = this.#sent.get(id)
    this.#sent.delete(id)
    return frame
  }

  /** The pages of a frame that failed, each in a frame of its own. */
  again({ kind, pages }: PageFrame): void {
    for (const page of pages) {
      this.#alone.add(page)
      this[kind](page)
    }
  }

  /** The card is lost, and with it what it was asked. */
  clear(): void {
    this.#toMap.clear()
    this.#toUnmap.clear()
    this.#alone.clear()
    this.#sent.clear()
  }

  #pick(from: Set<number>): number[] {
    const picked: number[] = []
    for (const page of from) {
      const isAlone = this.#alone.has(page)
      if (isAlone && picked.length > 0) break
      picked.push(page)
      if (isAlone || picked.length >= PAGES_MAX) break
    }
    for (const page of picked) {
      from.delete(page)
      this.#alone.delete(page)
    }
    return picked
  }
}
