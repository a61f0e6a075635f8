/** What every place that pages come from looks like. Knows no such place. */
import { SputnikError } from '../base/errors.js'
import type { PageRef } from './manifest.js'

export type PageSource = {
  /** For people: a path, an address, a node. */
  readonly name: string
  /** On this machine, where a wrong page is damage and no reason to mistrust the others. */
  readonly isOwn?: boolean
  /** Whether it is worth asking; it may still fail, and its bytes may be wrong. */
  has(page: PageRef): boolean
  /**
   * The bytes of a page, not yet checked against its hash; they belong to the caller.
   * @throws SputnikError, or the reason of `signal`
   */
  read(page: PageRef, signal: AbortSignal): Promise<Uint8Array>
  /** Is told that the bytes it gave for a page were wrong. */
  reject?(page: PageRef): void
}

export function sourceFailed(name: string, problem: string, cause?: unknown): SputnikError {
  return new SputnikError('SOURCE_FAILED', `${name}: ${problem}`, { source: name }, cause)
}
