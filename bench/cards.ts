/** Cards of one thread against plain libllama of one thread. */
import { summarise } from '../src/base/statistics.js'
import { compareSpeeds } from '../src/engine/speed.js'
import { referenceModel } from './reference-model.js'
import { type Benchmark, type BenchmarkOptions, type Section, summaryRows } from './report.js'
import { benchConfig, now, withSubjects } from './support.js'

const PROMPT = 128
const GENERATE = 32
const ONE = '1 card'
const TWO = '2 cards'
const TWO_EXACT = '2 cards, exact'
const DECODE_TARGETS = { [ONE]: { atLeast: 0.9 }, [TWO]: { atLeast: 0.8 } }
const PREFILL_TARGETS = { [ONE]: { atLeast: 1 }, [TWO]: { atLeast: 0.8 } }

export const cards: Benchmark = {
  name: 'cards',
  about: 'one and two cards against plain libllama',
  run: compare,
}

function compare({ rounds }: BenchmarkOptions): Promise<Section[]> {
  const config = benchConfig(referenceModel())
  const specs = [
    { name: 'plain', config, isPlain: true },
    { name: ONE, config: { ...config, cards: 1 } },
    { name: TWO, config: { ...config, cards: 2 } },
    { name: TWO_EXACT, config: { ...config, cards: 2, exact: true } },
  ]
  return withSubjects(specs, (subjects) => {
    const speeds = compareSpeeds(subjects, { prompt: PROMPT, generate: GENERATE, rounds, now })
    const unit = 'tokens/s'
    return [
      {
        title: `cards: decode ${GENERATE} tokens after ${PROMPT}, threads of 1, ${config.wire}`,
        rows: summaryRows(summarise(speeds.decode), { unit, targets: DECODE_TARGETS }),
      },
      {
        title: `cards: prefill ${PROMPT} tokens, threads of 1, ${config.wire}`,
        rows: summaryRows(summarise(speeds.prefill), { unit, targets: PREFILL_TARGETS }),
      },
    ]
  })
}
