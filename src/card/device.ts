/** The ggml device of a card, by the name people call it: `cpu`, `cuda0`. */
import { SputnikError } from '../base/errors.js'
import { DEVICE_TYPE, ggml } from '../native/ggml.js'
import type { Pointer } from '../native/memory.js'

/** @throws SputnikError USAGE */
export function findDevice(name: string): Pointer {
  const api = ggml()
  const device =
    name === 'cpu' ? api.deviceByType(DEVICE_TYPE.cpu) : api.deviceByName(name.toUpperCase())
  if (device !== null) return device
  const names = Array.from({ length: Number(api.deviceCount()) }, (_, index) =>
    api.deviceName(api.device(index)).toLowerCase(),
  )
  throw new SputnikError('USAGE', `no device ${name}; there are: ${names.join(', ')}`)
}

/** Memory that nobody uses yet: of the device, or what this process may take of the machine's. */
export function freeBytesOf(name: string): number {
  const device = findDevice(name)
  if (ggml().deviceType(device) === DEVICE_TYPE.cpu) return process.availableMemory()
  const free = new BigUint64Array(1)
  const total = new BigUint64Array(1)
  ggml().deviceMemory(device, free, total)
  return Number(free[0] ?? 0n)
}
