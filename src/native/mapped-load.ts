/**
 * Loads a model of which only some tensors are wanted. libllama maps the whole file and asks the
 * system to read all of it (llama-mmap.cpp), except on NUMA machines; so while the model loads, the
 * CPU backend says that this is one. Otherwise the head would read every expert byte once.
 */

import { cpuDevice, ggml } from './ggml.js'
import { functionAt } from './library.js'
import { type Pointer, readString, viewNative } from './memory.js'
import { callback } from './vtable.js'

/** Offset of `get_proc_address` in struct ggml_backend_reg. */
const PROC_ADDRESS_OFFSET = 32n
const QUESTION = 'ggml_backend_cpu_is_numa'

type Patch = { readonly slot: DataView; readonly original: bigint; readonly replacement: bigint }

let patch: Patch | undefined

export function withoutPrefetch<T>(load: () => T): T {
  patch ??= preparePatch()
  patch.slot.setBigUint64(0, patch.replacement, true)
  try {
    return load()
  } finally {
    patch.slot.setBigUint64(0, patch.original, true)
  }
}

function preparePatch(): Patch {
  const cpu = cpuDevice()
  const bytes = viewNative(ggml().deviceRegistry(cpu) + PROC_ADDRESS_OFFSET, 8)
  const slot = new DataView(bytes.buffer, bytes.byteOffset, 8)
  const original = slot.getBigUint64(0, true)
  const ask = functionAt(original, 'void *SputnikProcAddress(void *reg, void *name)')
  const isNuma = callback('bool (*)()', () => true)
  const replacement = callback('void *(*)(void *reg, void *name)', (reg: Pointer, name: Pointer) =>
    readString(name) === QUESTION ? isNuma : ask(reg, name),
  )
  return { slot, original, replacement }
}
