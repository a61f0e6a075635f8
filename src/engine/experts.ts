/**
 * Chooses where the routed experts are computed: by plain libllama, by the local domain in this
 * process, or by cards.
 */
import { freemem } from 'node:os'
import { SputnikError } from '../base/errors.js'
import { formatBytes } from '../base/units.js'
import { mapPages } from '../gguf/pages.js'
import type { GgufModel } from '../gguf/reader.js'
import { DEVICE_TYPE, ggml } from '../native/ggml.js'
import { loadLibraries } from '../native/library.js'
import type { Pointer } from '../native/memory.js'
import { CardExperts } from './card-experts.js'
import { expertsUsed } from './experts-used.js'
import { LocalExperts } from './local-experts.js'
import type { EngineConfig } from './protocol.js'
import type { Experts, LoadProgress } from './runtime.js'

/**
 * Undefined: plain libllama computes them. `captureLocal` takes regions out of the trunk's graph
 * although they are computed here, as is needed once pages are elsewhere too.
 * @throws SputnikError MODEL_DENSE, LIBRARY_MISSING, CARD_FAILED, PLATFORM_UNSUPPORTED
 */
export function openExperts(
  config: EngineConfig,
  gguf: GgufModel,
  onProgress: LoadProgress,
  { captureLocal = false }: { captureLocal?: boolean } = {},
): Experts | undefined {
  const pages = mapPages(gguf)
  // Somebody must hold the pages until domains join, and take them back when they leave.
  const isSpare = config.fleetListen !== undefined && config.cards === 0
  const cards = isSpare ? 1 : config.cards
  if (cards > 0 && pages.layers.length === 0) {
    throw new SputnikError(
      'MODEL_DENSE',
      `${gguf.path} (${gguf.architecture}) has no routed experts to put on cards`,
    )
  }
  if (config.cards > 0 && config.fleetListen === undefined) checkMemory(pages.expertBytes)
  loadLibraries(config.backend)
  const gpus = gpuDevices()
  if (cards > 0) {
    const withCards = { ...config, cards, ...roomOf(config, pages.expertBytes) }
    return new CardExperts({ config: withCards, gguf, pages, gpus, onProgress, isSpare })
  }
  // With a GPU the experts are on it, and libllama computes them there.
  if (pages.layers.length === 0 || gpus.length > 0) return undefined
  return new LocalExperts(expertsUsed(gguf), captureLocal)
}

/** Of the free memory, left for everything else, when the pages do not fit. */
const MEMORY_SHARE = 0.8

/** With a fleet the cards of this host need not hold everything. */
function roomOf(config: EngineConfig, expertBytes: number): Pick<EngineConfig, 'cardMemory'> {
  if (config.cardMemory !== undefined) return { cardMemory: config.cardMemory }
  if (config.fleetListen === undefined || expertBytes <= MEMORY_SHARE * freemem()) return {}
  return { cardMemory: Math.floor((MEMORY_SHARE * freemem()) / Math.max(1, config.cards)) }
}

/** Cards of this host hold all pages in its memory. */
function checkMemory(expertBytes: number): void {
  const freeBytes = freemem()
  if (expertBytes <= freeBytes) return
  throw new SputnikError(
    'OUT_OF_MEMORY',
    `the experts need ${formatBytes(expertBytes)}, this host has ${formatBytes(freeBytes)} free`,
  )
}

/** GPUs of the loaded library, in its order. */
function gpuDevices(): Pointer[] {
  const api = ggml()
  const devices = Array.from({ length: Number(api.deviceCount()) }, (_, index) => api.device(index))
  return devices.filter((device) => {
    const type = api.deviceType(device)
    return type === DEVICE_TYPE.gpu || type === DEVICE_TYPE.igpu
  })
}
