/** Workloads that a plan knows by name. Knows nothing of fleets. */
import type { Workload } from './workload.js'

/** People who chat and read along: ten tokens a second are enough, evenings are busy. */
export const CHAT: Workload = {
  name: 'chat',
  promptTokens: 1024,
  outputTokens: 1024,
  batches: [1, 4, 16, 64, 256, 1024],
  ttftS: 2,
  tpotS: 0.1,
  utilisation: 0.3,
  cachedShare: 0,
}

/** The two that InferenceX measures: always full, nothing cached, as slow as users bear. */
const BENCHMARK: Workload = {
  ...CHAT,
  name: '1k1k',
  batches: [1, 4, 16, 64, 256, 1024, 4096, 16_384],
  ttftS: 10,
  utilisation: 1,
}

export const WORKLOADS: readonly Workload[] = [
  CHAT,
  BENCHMARK,
  { ...BENCHMARK, name: '8k1k', promptTokens: 8192 },
  // A program that calls again and again with a little more of the same long prompt.
  {
    name: 'agentic',
    promptTokens: 32_768,
    outputTokens: 512,
    batches: [1, 4, 16, 64, 256],
    ttftS: 5,
    tpotS: 0.05,
    utilisation: 0.3,
    cachedShare: 0.9,
  },
  // Overnight: nobody waits.
  {
    name: 'batch',
    promptTokens: 2048,
    outputTokens: 512,
    batches: [64, 256, 1024, 4096, 16_384],
    ttftS: 3600,
    tpotS: 10,
    utilisation: 0.9,
    cachedShare: 0,
  },
]
