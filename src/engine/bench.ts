/**
 * Measures plain libllama, the local domain and the cards on one model, in turns. Knows no model
 * but the one it is given.
 */
import { type Summary, summarise } from '../base/statistics.js'
import type { GgufModel } from '../gguf/reader.js'
import type { EngineConfig } from './protocol.js'
import { compareSpeeds, openSubject, type Subject } from './speed.js'

export type BenchRequest = {
  readonly config: EngineConfig
  readonly prompt: number
  readonly generate: number
  readonly rounds: number
}

export type BenchOptions = BenchRequest & {
  readonly gguf: GgufModel
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly onProgress: (what: string) => void
}

/** Speeds in tokens per second; ratios are over plain libllama. */
export type BenchReport = {
  readonly model: string
  readonly architecture: string
  readonly cards: number
  readonly threads: number
  readonly cardThreads: number
  readonly wire: EngineConfig['wire']
  readonly prompt: number
  readonly generate: number
  readonly rounds: number
  readonly prefill: readonly Summary[]
  readonly decode: readonly Summary[]
}

/** @throws SputnikError from loading or computing */
export function bench(options: BenchOptions): BenchReport {
  const { gguf, prompt, generate, rounds, onProgress } = options
  const config = {
    ...options.config,
    parallel: 1,
    contextLength: Math.max(options.config.contextLength, prompt + generate),
  }
  const subjects = openSubjects({ ...options, config })
  try {
    const onRound = (round: number): void => onProgress(`round ${round} of ${rounds}`)
    const speeds = compareSpeeds(subjects, { ...options, onRound })
    const { cards, threads, cardThreads, wire } = config
    return {
      model: gguf.path,
      architecture: gguf.architecture,
      ...{ cards, threads, cardThreads, wire, prompt, generate, rounds },
      prefill: summarise(speeds.prefill),
      decode: summarise(speeds.decode),
    }
  } finally {
    for (const { runtime } of subjects) runtime.free()
  }
}

/** Plain libllama first; without cards there is nothing to compare but the local domain. */
function openSubjects({ config, gguf, onProgress }: BenchOptions): Subject[] {
  const open = (name: string, cards: number): Subject => {
    onProgress(`${name}: load`)
    return openSubject(name, { config: { ...config, cards }, gguf, isPlain: name === 'plain' })
  }
  const subjects = [open('plain', 0), open('local', 0)]
  if (config.cards > 0) subjects.push(open('cards', config.cards))
  return subjects
}
