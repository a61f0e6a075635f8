/**
 * How fast loaded models are, side by side: subjects take turns round by round, so that whatever
 * else the machine does slows all of them alike. The clock is given.
 */
import { pauseSync } from '../base/pause.js'
import type { Series } from '../base/statistics.js'
import type { GgufModel } from '../gguf/reader.js'
import { loadLibraries } from '../native/library.js'
import { openExperts } from './experts.js'
import { fixedTokens } from './fixed-tokens.js'
import { largestIndex } from './logit-comparison.js'
import type { EngineConfig } from './protocol.js'
import { Runtime } from './runtime.js'

export type Subject = { readonly name: string; readonly runtime: Runtime }

export type SubjectOptions = {
  readonly config: EngineConfig
  readonly gguf: GgufModel
  /** Experts computed by libllama itself, whatever the configuration says. */
  readonly isPlain: boolean
}

/** @throws SputnikError from loading */
export function openSubject(name: string, { config, gguf, isPlain }: SubjectOptions): Subject {
  loadLibraries(config.backend)
  const experts = isPlain ? undefined : openExperts(config, gguf, () => {})
  return { name, runtime: Runtime.open({ config, gguf, experts }) }
}

export type SpeedPlan = {
  /** Tokens of the prompt and tokens decoded after it. */
  readonly prompt: number
  readonly generate: number
  readonly rounds: number
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly onRound?: (round: number) => void
}

/** Threads and cards look for work this long before they sleep, which slows whoever is next. */
export const SETTLE_MS = 150

/** Tokens per second. */
export type Speeds = { readonly prefill: readonly Series[]; readonly decode: readonly Series[] }

/** One round more than asked for: the first one warms up. @throws SputnikError */
export function compareSpeeds(subjects: readonly Subject[], plan: SpeedPlan): Speeds {
  const prefill = subjects.map(({ name }) => ({ name, values: [] as number[] }))
  const decode = subjects.map(({ name }) => ({ name, values: [] as number[] }))
  for (let round = 0; round <= plan.rounds; round++) {
    subjects.forEach(({ runtime }, index) => {
      pauseSync(SETTLE_MS)
      const speed = measureOnce(runtime, { ...plan, round })
      if (round === 0) return
      prefill[index]?.values.push(speed.prefill)
      decode[index]?.values.push(speed.decode)
    })
    if (round > 0) plan.onRound?.(round)
  }
  return { prefill, decode }
}

function measureOnce(
  runtime: Runtime,
  { prompt, generate, round, now }: SpeedPlan & { round: number },
): { prefill: number; decode: number } {
  const tokens = fixedTokens(prompt, { sequence: round, vocabSize: runtime.vocab.size })
  const start = now()
  prefillTokens(runtime, tokens)
  const middle = now()
  decodeGreedily(runtime, { from: prompt, count: generate })
  const end = now()
  return {
    prefill: (1000 * prompt) / (middle - start),
    decode: (1000 * generate) / (end - middle),
  }
}

/** One prompt from an empty cache, in batches as large as the runtime takes. */
export function prefillTokens(runtime: Runtime, tokens: readonly number[]): void {
  runtime.context.clearMemory()
  const { batch } = runtime
  for (let done = 0; done < tokens.length; done += batch.capacity) {
    batch.clear()
    tokens.slice(done, done + batch.capacity).forEach((token, index) => {
      const position = done + index
      batch.add(token, { position, sequence: 0, output: position === tokens.length - 1 })
    })
    runtime.decode()
  }
  runtime.logits(0)
}

/** One token after another, each chosen greedily from the one before. */
export function decodeGreedily(
  runtime: Runtime,
  { from, count }: { from: number; count: number },
): void {
  let token = 1
  for (let i = 0; i < count; i++) {
    runtime.batch.clear()
    runtime.batch.add(token, { position: from + i, sequence: 0, output: true })
    runtime.decode()
    token = largestIndex(runtime.logits(0))
  }
}
