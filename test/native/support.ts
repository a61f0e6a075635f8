/** A fleet device and a runtime on it in the test's own process. */
import { defined } from '../../src/base/assert.js'
import { expertsUsed } from '../../src/engine/experts-used.js'
import { type Experts, Runtime } from '../../src/engine/runtime.js'
import { openGguf } from '../../src/gguf/reader.js'
import { FleetDevice, type FleetDeviceOptions } from '../../src/native/fleet-device.js'
import { DEVICE_TYPE, ggml } from '../../src/native/ggml.js'
import { loadLibraries } from '../../src/native/library.js'
import type { Pointer } from '../../src/native/memory.js'
import { useThreadpool } from '../../src/native/threadpool.js'
import { engineConfig } from '../engine/support.js'

/** Without `compute` the CPU of this process computes the regions. */
export function openFleet(
  path: string,
  {
    compute,
    isRemote = false,
  }: { compute?: FleetDeviceOptions['compute']; isRemote?: boolean } = {},
): { runtime: Runtime; device: FleetDevice } {
  loadLibraries('cpu')
  const backend = cpuBackend()
  const device = new FleetDevice({
    expertsUsed: expertsUsed(openGguf(path)),
    compute: compute ?? { backend },
  })
  const pattern = 'ffn_(up|down|gate|gate_up)_(ch)?exps\\.(weight|bias|scale)$'
  const experts: Experts = {
    devices: [device.device],
    gpuLayers: 0,
    overrides: isRemote ? [{ pattern, bufferType: device.remoteBufferType }] : [],
    shareThreads: (pool, threads) => useThreadpool(backend, { pool, threads }),
    aroundLoad: (load) => load(),
    afterContext: () => {},
    takeError: () => undefined,
    stats: () => ({ regions: device.regionCount, cards: [], fleet: null }),
    close: () => ggml().backendFree(backend),
  }
  return { runtime: openRuntime(path, experts), device }
}

export function openRuntime(path: string, experts?: Experts): Runtime {
  const config = engineConfig(path, { parallel: 1, threads: 1 })
  return Runtime.open({ config, gguf: openGguf(path), experts })
}

function cpuBackend(): Pointer {
  const device = defined(ggml().deviceByType(DEVICE_TYPE.cpu), 'the CPU')
  return defined(ggml().deviceInit(device, null), 'its backend')
}

/** Logits behind each of the steps: a prompt, then single tokens. */
export function logitsOf(
  runtime: Runtime,
  steps: ReadonlyArray<readonly number[]>,
): Float32Array[] {
  let position = 0
  return steps.map((tokens) => {
    runtime.batch.clear()
    tokens.forEach((token, i) => {
      const output = i === tokens.length - 1
      runtime.batch.add(token, { position: position++, sequence: 0, output })
    })
    runtime.decode()
    return runtime.logits(0).slice()
  })
}
