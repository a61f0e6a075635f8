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

export type RowCopy = {
  readonly target: Pointer
  readonly rows: number
  readonly rowBytes: number
  /** From one row of the source to the next. */
  readonly strideBytes: number
}

/** Copies rows that may be further apart than they are long to where they lie side by side. */
export function copyRows(source: Pointer, copy: RowCopy): void {
  const { target, rows, rowBytes, strideBytes } = copy
  if (rowBytes === strideBytes) {
    copyNative(target, source, rows * rowBytes)
    return
  }
  for (let row = 0; row < rows; row++) {
    copyNative(target + BigInt(row * rowBytes), source + BigInt(row * strideBytes), rowBytes)
  }
}
