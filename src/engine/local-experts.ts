/**
 * The local domain: regions are computed in this process by the CPU backend, from the memory-mapped
 * file and with the threads of the trunk, so the numbers are those of plain libllama to the bit.
 * As long as it holds all pages it leaves them in the trunk's graph, which costs nothing at all.
 */
import { SputnikError } from '../base/errors.js'
import { FleetDevice } from '../native/fleet-device.js'
import { cpuDevice, ggml } from '../native/ggml.js'
import type { Pointer } from '../native/memory.js'
import { useThreadpool } from '../native/threadpool.js'
import type { Experts } from './runtime.js'
import { stepError } from './step-error.js'

export class LocalExperts implements Experts {
  readonly devices: readonly Pointer[]
  readonly gpuLayers = 0
  readonly overrides = []
  readonly #device: FleetDevice
  readonly #backend: Pointer

  constructor(expertsUsed: readonly number[], isCapturing: boolean) {
    this.#backend = cpuBackend()
    this.#device = new FleetDevice({
      expertsUsed,
      compute: { backend: this.#backend },
    })
    this.#device.isCapturing = isCapturing
    this.devices = [this.#device.device]
  }

  shareThreads(pool: Pointer, threads: number): void {
    useThreadpool(this.#backend, { pool, threads })
  }

  aroundLoad<T>(load: () => T): T {
    return load()
  }

  /** A region without a record is still computed, piece by piece. */
  afterContext(): void {}

  takeError(): SputnikError | undefined {
    return stepError(this.#device.takeError())
  }

  stats(): ReturnType<Experts['stats']> {
    return { regions: this.#device.regionCount, cards: [], fleet: null }
  }

  close(): void {
    ggml().backendFree(this.#backend)
  }
}

function cpuBackend(): Pointer {
  const backend = ggml().deviceInit(cpuDevice(), null)
  if (backend === null) throw new SputnikError('NATIVE_FAILED', 'the CPU device cannot be opened')
  return backend
}
