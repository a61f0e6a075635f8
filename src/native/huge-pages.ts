/**
 * Asks the system to back memory with huge pages where it may (madvise(2), Linux only): every layer
 * of a token reads megabytes at addresses the router chose, and the processor keeps translations
 * for few small pages. A request, not a promise; nothing depends on it.
 */
import { libc } from './libc.js'
import type { Pointer } from './memory.js'

const MADV_HUGEPAGE = 14
const PAGE_BYTES = 4096n

type Advise = (address: Pointer, bytes: bigint, advice: number) => number

let advise: Advise | undefined

/** To be called before the memory is first written. */
export function preferHugePages(address: Pointer, bytes: number): void {
  if (process.platform !== 'linux') return
  advise ??= libc().func('int madvise(void *at, size_t n, int advice)') as unknown as Advise
  const start = (address + PAGE_BYTES - 1n) & -PAGE_BYTES
  const end = (address + BigInt(bytes)) & -PAGE_BYTES
  if (end > start) advise(start, end - start, MADV_HUGEPAGE)
}
