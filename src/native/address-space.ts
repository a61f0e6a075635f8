/**
 * Address space without memory: expert tensors of the head need addresses, not bytes, and whoever
 * touches one by mistake faults at once instead of reading something else.
 */
import koffi from 'koffi'
import { SputnikError } from '../base/errors.js'
import { libc as cLibrary } from './libc.js'
import type { Pointer } from './memory.js'

/** @throws SputnikError OUT_OF_MEMORY */
export type AddressSpace = {
  reserve(bytes: number): Pointer
  release(address: Pointer, bytes: number): void
}

let space: AddressSpace | undefined

export function addressSpace(): AddressSpace {
  space ??= process.platform === 'win32' ? windowsSpace() : posixSpace()
  return space
}

const PROT_NONE = 0
const MAP_PRIVATE = 2
const MAP_NORESERVE_LINUX = 0x4000
const MAP_NORESERVE_MAC = 0x40
const MAP_ANONYMOUS_LINUX = 0x20
const MAP_ANONYMOUS_MAC = 0x1000
const MAP_FAILED = 0xffff_ffff_ffff_ffffn

function posixSpace(): AddressSpace {
  const libc = cLibrary()
  const mmap = libc.func('void *mmap(void *at, size_t n, int prot, int flags, int fd, int64_t off)')
  const munmap = libc.func('int munmap(void *at, size_t n)')
  const isMac = process.platform === 'darwin'
  const flags =
    MAP_PRIVATE |
    (isMac ? MAP_ANONYMOUS_MAC : MAP_ANONYMOUS_LINUX) |
    (isMac ? MAP_NORESERVE_MAC : MAP_NORESERVE_LINUX)
  return {
    reserve(bytes) {
      const address = mmap(null, bytes, PROT_NONE, flags, -1, 0) as Pointer | null
      if (address === null || address === MAP_FAILED) throw exhausted(bytes)
      return address
    },
    release: (address, bytes) => void munmap(address, bytes),
  }
}

const MEM_RESERVE = 0x2000
const MEM_RELEASE = 0x8000
const PAGE_NOACCESS = 0x01

function windowsSpace(): AddressSpace {
  const kernel = koffi.load('kernel32.dll')
  const reserve = kernel.func(
    'void *VirtualAlloc(void *at, size_t n, uint32_t type, uint32_t prot)',
  )
  const release = kernel.func('bool VirtualFree(void *at, size_t n, uint32_t type)')
  return {
    reserve(bytes) {
      const address = reserve(null, bytes, MEM_RESERVE, PAGE_NOACCESS) as Pointer | null
      if (address === null) throw exhausted(bytes)
      return address
    },
    release: (address) => void release(address, 0, MEM_RELEASE),
  }
}

function exhausted(bytes: number): SputnikError {
  return new SputnikError('OUT_OF_MEMORY', `no address space for ${bytes} bytes of experts`)
}
