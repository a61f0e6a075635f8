/**
 * A process of its own that loads one native library and sends what it found to its parent, so
 * that a crash in native code is only a finding. Argument: the backend.
 */
import { toPlain } from '../base/errors.js'
import type { Backend } from '../native/release.js'
import type { ProbeMessage } from './machine-facts.js'

async function probe(backend: Backend): Promise<ProbeMessage> {
  try {
    // Imported late: without koffi's native part the import itself fails.
    const { loadLibraries } = await import('../native/library.js')
    const { listDevices } = await import('../native/devices.js')
    loadLibraries(backend)
    return { kind: 'devices', devices: listDevices() }
  } catch (error) {
    return { kind: 'failed', error: toPlain(error) }
  }
}

// Exit at once: threads of native libraries must not keep the process.
process.send?.(await probe(process.argv[2] as Backend), undefined, {}, () => process.exit())
