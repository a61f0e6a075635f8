/** What the benchmarks share: configurations, loaded subjects, turns. */
import { pauseSync } from '../src/base/pause.js'
import type { Series } from '../src/base/statistics.js'
import { fixedTokens } from '../src/engine/fixed-tokens.js'
import { defaultWire, type EngineConfig } from '../src/engine/protocol.js'
import { openSubject, SETTLE_MS, type Subject } from '../src/engine/speed.js'
import { openGguf } from '../src/gguf/reader.js'
import { recordNativeLog } from '../src/native/native-log.js'

export const now = (): number => performance.now()

export function benchConfig(modelPath: string, changes: Partial<EngineConfig> = {}): EngineConfig {
  return {
    modelPath,
    cards: 0,
    threads: 1,
    cardThreads: 1,
    contextLength: 512,
    parallel: 1,
    batch: 512,
    kvType: 'f16',
    flashAttention: 'auto',
    wire: defaultWire,
    exact: false,
    backend: 'cpu',
    gpuLayers: -1,
    logLevel: 'warn',
    ...changes,
  }
}

export type SubjectSpec = {
  readonly name: string
  readonly config: EngineConfig
  readonly isPlain?: boolean
}

/** Loads the subjects, hands them to `use`, and frees them. */
export async function withSubjects<T>(
  specs: readonly SubjectSpec[],
  use: (subjects: readonly Subject[]) => T | Promise<T>,
): Promise<T> {
  recordNativeLog()
  const subjects: Subject[] = []
  try {
    for (const { name, config, isPlain = false } of specs) {
      subjects.push(openSubject(name, { config, gguf: openGguf(config.modelPath), isPlain }))
    }
    return await use(subjects)
  } finally {
    for (const { runtime } of subjects) runtime.free()
  }
}

/** Measures once; `round` 0 warms up. */
export type Contender = {
  readonly name: string
  readonly run: (round: number) => number | Promise<number>
}

/** One measurement of each contender in turn, round by round. */
export async function takeTurns(
  contenders: readonly Contender[],
  rounds: number,
): Promise<Series[]> {
  const series = contenders.map(({ name }) => ({ name, values: [] as number[] }))
  for (let round = 0; round <= rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      pauseSync(SETTLE_MS)
      const value = await contender.run(round)
      if (round > 0) series[index]?.values.push(value)
    }
  }
  return series
}

/** The prompt of one of many sequences; no two of a run begin alike, so that none is reused. */
export function batchPrompt(place: {
  readonly round: number
  readonly sequences: number
  readonly sequence: number
  readonly prompt: number
  readonly vocabSize: number
}): number[] {
  const { round, sequences, sequence, prompt, vocabSize } = place
  return fixedTokens(prompt, { sequence: round * sequences + sequence, vocabSize })
}
