/**
 * Loads ggml and libllama once per process, after checking that they are the release whose struct
 * layouts this folder describes. Call it only in the main thread of a process: a live ggml thread
 * pool in a worker thread crashes at exit.
 */
import koffi, { type LibraryHandle } from 'koffi'
import { assert } from '../base/assert.js'
import { type LocatedLibraries, locateLibraries, mismatch } from './locate.js'
import { type Pointer, pointer } from './memory.js'
import { type Backend, RELEASE } from './release.js'

export type Libraries = {
  readonly located: LocatedLibraries
  readonly base: LibraryHandle
  readonly ggml: LibraryHandle
  readonly llama: LibraryHandle
}

let loaded: Libraries | undefined

/**
 * Loads the libraries of a backend, or returns them when they are loaded already.
 * @throws SputnikError LIBRARY_MISSING, LIBRARY_MISMATCH
 */
export function loadLibraries(backend: Backend | 'auto' = 'auto'): Libraries {
  if (loaded !== undefined) return loaded
  const located = locateLibraries(backend)
  const base = koffi.load(located.base, { global: true })
  const ggml = koffi.load(located.ggml, { global: true })
  const llama = koffi.load(located.llama)
  checkVersions({ located, base, ggml, llama })
  silenceLog(llama)
  const loadBackends = ggml.func('ggml_backend_load_all_from_path', 'void', ['str'])
  loadBackends(located.directory)
  loaded = { located, base, ggml, llama }
  return loaded
}

/** The libraries that `loadLibraries` loaded. */
export function libraries(): Libraries {
  assert(loaded !== undefined, 'native libraries are used before loadLibraries()')
  return loaded
}

function checkVersions({ located, base, llama }: Libraries): void {
  const llamaVersion = String(llama.func('llama_version', 'str', [])())
  const ggmlVersion = String(base.func('ggml_version', 'str', [])())
  const tensorOverhead = Number(base.func('ggml_tensor_overhead', 'size_t', [])())
  if (llamaVersion !== RELEASE.llamaVersion || ggmlVersion !== RELEASE.ggmlVersion) {
    throw mismatch(located.packageName, `libllama ${llamaVersion} with ggml ${ggmlVersion}`)
  }
  if (tensorOverhead !== RELEASE.tensorOverheadBytes) {
    throw mismatch(located.packageName, `built with tensors of ${tensorOverhead} bytes`)
  }
}

const LogCallback = koffi.proto('void SputnikLog(int level, const char *text, void *data)')

export type NativeLogSink = (level: number, text: string) => void

let sink: NativeLogSink = () => {}

/** Where native log lines go. Level: 1 debug, 2 info, 3 warning, 4 error, 5 continuation. */
export function setNativeLog(next: NativeLogSink): void {
  sink = next
}

/** `llama_log_set` is global and outlives every context, so it is set once; it sets ggml's too. */
function silenceLog(llama: LibraryHandle): void {
  const callback = koffi.register(
    (level: number, text: string) => sink(level, text),
    koffi.pointer(LogCallback),
  )
  const set = llama.func('llama_log_set', 'void', ['void *', 'void *'])
  set(callback, null)
}

const prototypes = new Map<string, ReturnType<typeof koffi.proto>>()

/** Function behind an address, for tables of function pointers. */
export function functionAt(address: Pointer, prototype: string): (...args: unknown[]) => unknown {
  // koffi names prototypes process-wide and takes each name once.
  const type = prototypes.get(prototype) ?? koffi.proto(prototype)
  prototypes.set(prototype, type)
  return koffi.decode(pointer(address), type) as (...args: unknown[]) => unknown
}
