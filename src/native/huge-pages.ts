/**
 * Asks the system to back memory with huge pages where it may (madvise(2), Linux only): every layer
 * of a token reads megabytes at addresses the router chose, and the processor keeps translations
 * for few small pages. A request, not a promise; nothing depends on it.
 */
import { adviseInside } from './advise.js'
import type { Pointer } from './memory.js'

const MADV_HUGEPAGE = 14

/** To be called before the memory is first written. */
export function preferHugePages(address: Pointer, bytes: number): void {
  adviseInside(address, bytes, MADV_HUGEPAGE)
}
