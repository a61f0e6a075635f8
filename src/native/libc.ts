/** The C library of this system, for the few calls that Node does not offer. */
import koffi, { type LibraryHandle } from 'koffi'
import type { Pointer } from './memory.js'

const NAMES: Partial<Record<NodeJS.Platform, string>> = {
  darwin: 'libSystem.dylib',
  win32: 'msvcrt.dll',
}

let handle: LibraryHandle | undefined

export function libc(): LibraryHandle {
  handle ??= koffi.load(NAMES[process.platform] ?? 'libc.so.6')
  return handle
}

type Copy = (target: Pointer, source: Pointer, bytes: number) => unknown

let copy: Copy | undefined

/** memcpy: both ranges must be valid and must not overlap. */
export function copyNative(target: Pointer, source: Pointer, bytes: number): void {
  copy ??= libc().func('void *memcpy(void *to, void *from, size_t n)') as unknown as Copy
  copy(target, source, bytes)
}
