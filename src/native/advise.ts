/**
 * madvise(2) on memory of this process: hints to the system that change no number anybody reads
 * while it is in use. Linux only; elsewhere nothing happens.
 */
import { libc } from './libc.js'
import type { Pointer } from './memory.js'

const MADV_DONTNEED = 4

type Advise = (address: Pointer, bytes: bigint, advice: number) => number

type Calls = { readonly advise: Advise; readonly pageBytes: bigint }

let calls: Calls | undefined

function systemCalls(): Calls {
  calls ??= {
    advise: libc().func('int madvise(void *at, size_t n, int advice)') as unknown as Advise,
    pageBytes: BigInt((libc().func('int getpagesize()') as unknown as () => number)()),
  }
  return calls
}

/** Advises on the pages of the system that lie wholly inside a range. */
export function adviseInside(address: Pointer, bytes: number, advice: number): void {
  if (process.platform !== 'linux') return
  const { advise, pageBytes } = systemCalls()
  const start = (address + pageBytes - 1n) & -pageBytes
  const end = (address + BigInt(bytes)) & -pageBytes
  if (end > start) advise(start, end - start, advice)
}

/**
 * Gives memory back to the system but not its addresses: it reads as zeros or as it was from then
 * on, and may be written again. Only for private memory of this process, never for a mapped file.
 */
export function giveBackMemory(address: Pointer, bytes: number): void {
  adviseInside(address, bytes, MADV_DONTNEED)
}
