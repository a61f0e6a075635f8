/** Fills C tables of function pointers (ggml-backend-impl.h) with TypeScript functions. */
import koffi from 'koffi'
import { allocateNative, type NativeBuffer, NULL, type Pointer } from './memory.js'

/** A C prototype such as `int f(void *device)` and what to run; null leaves the entry empty. */
export type TableEntry = readonly [prototype: string, run: (...args: never[]) => unknown] | null

const types = new Map<string, ReturnType<typeof koffi.pointer>>()

function callbackType(prototype: string): ReturnType<typeof koffi.pointer> {
  const known = types.get(prototype)
  if (known !== undefined) return known
  // koffi names prototypes process-wide, so each gets a name of its own.
  const named = prototype.replace('(*)', `SputnikCallback${types.size}`)
  const type = koffi.pointer(koffi.proto(named))
  types.set(prototype, type)
  return type
}

/**
 * Address of a C function that runs `run`; stays registered for the life of the process. Never call
 * it while a native call is on the stack: koffi 3.3.4 notes the stack it has at that moment, and a
 * later call from a shallower one then fails with "Maximum call stack size exceeded".
 */
export function callback(prototype: string, run: (...args: never[]) => unknown): Pointer {
  return koffi.register(run, callbackType(prototype))
}

/** Writes the entries as 64-bit pointers from `offset` on; returns the offset behind them. */
function writeTable(
  target: NativeBuffer,
  { offset, entries }: { offset: number; entries: readonly TableEntry[] },
): number {
  let at = offset
  for (const entry of entries) {
    const address = entry === null ? NULL : callback(entry[0], entry[1])
    target.view.setBigUint64(at, address, true)
    at += 8
  }
  return at
}

/** A new C struct that starts with a function table and goes on with pointers. */
export function tableStruct(entries: readonly TableEntry[], fields: readonly Pointer[]): Pointer {
  const target = allocateNative(8 * (entries.length + fields.length))
  let at = writeTable(target, { offset: 0, entries })
  for (const field of fields) {
    target.view.setBigUint64(at, field, true)
    at += 8
  }
  return target.address
}
