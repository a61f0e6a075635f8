/** How many experts a token uses, from a model's metadata. */
import type { GgufModel } from '../gguf/reader.js'

/** Numbers of experts per token that layers of the model use, as its metadata say. */
export function expertsUsed(gguf: GgufModel): number[] {
  const counts = gguf.getModelNumbers('expert_used_count')
  return [...new Set(counts.filter((count) => count > 0))]
}
