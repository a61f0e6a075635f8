/**
 * ggml's CPU thread pool: without one, every graph starts its threads anew. The functions live in
 * the CPU backend, which is chosen at load time, so they are found through its registry.
 */
import { assert } from '../base/assert.js'
import { functionAt, libraries } from './library.js'
import { mismatch } from './locate.js'
import { allocateNative, type NativeBuffer, type Pointer } from './memory.js'
import { nativeError } from './native-log.js'

export type ThreadpoolOptions = {
  /** How long idle threads look for work before they sleep: 0 not at all, 100 long. */
  readonly poll?: number
}

/** Offsets in struct ggml_threadpool_params (ggml.h), behind GGML_MAX_N_THREADS bools. */
const PARAMS = { threads: 512, poll: 520, bytes: 528 } as const

const DEVICE_TYPE_CPU = 0

type CpuFunction = (name: string, prototype: string) => (...args: unknown[]) => unknown

let cpuFunction: CpuFunction | undefined

/** @throws SputnikError NATIVE_FAILED, LIBRARY_MISMATCH */
export function createThreadpool(threads: number, options: ThreadpoolOptions = {}): Pointer {
  assert(Number.isInteger(threads) && threads >= 1 && threads <= 512, `${threads} threads`)
  const params = allocateNative(PARAMS.bytes + 64)
  libraries().base.func('void ggml_threadpool_params_init(void *params, int threads)')(
    params.address,
    threads,
  )
  checkLayout(params, threads)
  if (options.poll !== undefined) params.view.setUint32(PARAMS.poll, options.poll, true)
  const create = findCpuFunction('ggml_threadpool_new', 'void *SputnikPoolNew(void *params)')
  const pool = create(params.address) as Pointer | null
  if (pool === null) throw nativeError('NATIVE_FAILED', 'no threads could be started')
  return pool
}

/** Makes a CPU backend compute with the threads of a pool instead of starting its own. */
export function useThreadpool(
  backend: Pointer,
  { pool, threads }: { pool: Pointer; threads: number },
): void {
  const setThreads = findCpuFunction(
    'ggml_backend_set_n_threads',
    'void SputnikSetThreads(void *backend, int threads)',
  )
  const setPool = findCpuFunction(
    'ggml_backend_cpu_set_threadpool',
    'void SputnikSetPool(void *backend, void *pool)',
  )
  setThreads(backend, threads)
  setPool(backend, pool)
}

/** Ends the threads; no context may use the pool any more. */
export function freeThreadpool(pool: Pointer): void {
  findCpuFunction('ggml_threadpool_free', 'void SputnikPoolFree(void *pool)')(pool)
}

function checkLayout(params: NativeBuffer, threads: number): void {
  if (params.view.getInt32(PARAMS.threads, true) === threads) return
  throw mismatch(libraries().located.packageName, 'built with another ggml_threadpool_params')
}

function findCpuFunction(name: string, prototype: string): (...args: unknown[]) => unknown {
  cpuFunction ??= cpuFunctions()
  return cpuFunction(name, prototype)
}

function cpuFunctions(): CpuFunction {
  const { base, ggml } = libraries()
  const device = ggml.func('void *ggml_backend_dev_by_type(int type)')(DEVICE_TYPE_CPU)
  const registry = base.func('void *ggml_backend_dev_backend_reg(void *device)')(device)
  const address = base.func(
    'void *ggml_backend_reg_get_proc_address(void *registry, const char *name)',
  )
  const known = new Map<string, (...args: unknown[]) => unknown>()
  return (name, prototype) => {
    const found = known.get(name)
    if (found !== undefined) return found
    const pointer = address(registry, name) as Pointer | null
    assert(pointer !== null, `the CPU backend has no ${name}`)
    const bound = functionAt(pointer, prototype)
    known.set(name, bound)
    return bound
  }
}
