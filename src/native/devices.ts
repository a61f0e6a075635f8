/**
 * The devices that ggml found on this machine, with their memory. Knows nothing of what runs on
 * them.
 */
import { DEVICE_TYPE, ggml } from './ggml.js'
import type { Pointer } from './memory.js'

export type DeviceType = keyof typeof DEVICE_TYPE | 'unknown'

export type Device = {
  readonly name: string
  readonly description: string
  readonly type: DeviceType
  /** For a CPU the memory of the machine. */
  readonly freeBytes: number
  readonly totalBytes: number
}

/** `loadLibraries` must have run. */
export function listDevices(): Device[] {
  return Array.from({ length: Number(ggml().deviceCount()) }, (_, i) => describe(ggml().device(i)))
}

function describe(device: Pointer): Device {
  const free = new BigUint64Array(1)
  const total = new BigUint64Array(1)
  ggml().deviceMemory(device, free, total)
  return {
    name: ggml().deviceName(device),
    description: ggml().deviceDescription(device),
    type: typeOf(ggml().deviceType(device)),
    freeBytes: Number(free[0] ?? 0n),
    totalBytes: Number(total[0] ?? 0n),
  }
}

function typeOf(id: number): DeviceType {
  const names = Object.keys(DEVICE_TYPE) as (keyof typeof DEVICE_TYPE)[]
  return names.find((name) => DEVICE_TYPE[name] === id) ?? 'unknown'
}
