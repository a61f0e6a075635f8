/**
 * Memory that two processes of one host share, behind a file descriptor a child can inherit. Linux
 * only (memfd_create(2)); elsewhere there is none and links use their sockets alone.
 */
import { SputnikError } from '../base/errors.js'
import { libc } from './libc.js'
import { type NativeBuffer, type Pointer, wrapNative } from './memory.js'

export type SharedMemory = { readonly fd: number; readonly buffer: NativeBuffer }

export const HAS_SHARED_MEMORY = process.platform === 'linux'

const MFD_CLOEXEC = 1
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MAP_FAILED = 0xffff_ffff_ffff_ffffn

/** New zeroed memory; pages take real memory when they are first touched. */
export function createShared(bytes: number): SharedMemory {
  const create = libc().func('int memfd_create(const char *name, uint32_t flags)')
  const resize = libc().func('int ftruncate(int fd, int64_t bytes)')
  const fd = create('sputnik', MFD_CLOEXEC) as number
  if (fd < 0 || resize(fd, bytes) !== 0) throw exhausted(bytes)
  return { fd, buffer: mapShared(fd, bytes) }
}

/** Maps memory that another process created. */
export function mapShared(fd: number, bytes: number): NativeBuffer {
  const map = libc().func(
    'void *mmap(void *at, size_t n, int prot, int flags, int fd, int64_t off)',
  )
  const address = map(null, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0) as Pointer | null
  if (address === null || address === MAP_FAILED) throw exhausted(bytes)
  return wrapNative(address, bytes)
}

/** After this nothing may touch the buffer's views. */
export function unmapShared(buffer: NativeBuffer): void {
  libc().func('int munmap(void *at, size_t n)')(buffer.address, buffer.bytes.length)
}

function exhausted(bytes: number): SputnikError {
  return new SputnikError('OUT_OF_MEMORY', `no ${bytes} bytes of shared memory`)
}
