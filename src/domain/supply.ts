/**
 * Where the cards of a domain get their pages from: fetched and verified elsewhere, asked for and
 * taken here without ever waiting.
 */
import type { SputnikError } from '../base/errors.js'
import type { PageAt, PageSource } from '../fabric/control.js'

/** `source`: null for a page that lies in the files of the local copy, as named at load. */
export type SuppliedPage = {
  readonly region: number
  readonly expert: number
  readonly source: PageSource | null
}

export type SupplyAnswer =
  | { readonly kind: 'ready'; readonly page: SuppliedPage }
  | {
      readonly kind: 'failed'
      readonly region: number
      readonly expert: number
      readonly error: SputnikError
    }

export type Supply = {
  /** Bounded by MAP_PAGES_MAX * 256. */
  want(pages: readonly PageAt[]): void
  /** No card holds them any more; they may leave the disk when room is needed. */
  release(pages: readonly PageAt[]): void
  /** As `release`, of pages that no card can read where they were said to be. */
  reject(pages: readonly PageAt[]): void
  /** What has come since; never blocks. */
  take(): SupplyAnswer[]
  readonly pending: number
  /** Pages whose bytes were wrong wherever they came from, so far. */
  readonly badPages: number
  close(): void
}
