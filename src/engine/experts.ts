/** Chooses where the routed experts are computed. */
import type { GgufModel } from '../gguf/reader.js'
import type { EngineConfig } from './protocol.js'
import type { Experts } from './runtime.js'

/** Undefined: plain libllama computes them. */
export function openExperts(
  _config: EngineConfig,
  _gguf: GgufModel,
  _onProgress: (stage: string, done: number, total: number) => void,
): Experts | undefined {
  return undefined
}
