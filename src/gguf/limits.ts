/** The caps on what a GGUF header may ask for; all are far above any published model. */

export const GGUF_LIMITS = {
  keyCount: 65_536,
  tensorCount: 1_048_576,
  keyBytes: 65_535,
  stringBytes: 64 * 1024 * 1024,
  /** Sum over all string values that are kept in memory. */
  totalStringBytes: 128 * 1024 * 1024,
  arrayElements: 16 * 1024 * 1024,
  alignment: 65_536,
  dims: 4,
  /** ggml keeps names in 64 bytes including the terminator (GGML_MAX_NAME). */
  tensorNameBytes: 63,
  splits: 1024,
} as const
