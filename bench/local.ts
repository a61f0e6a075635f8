/** The local domain against plain libllama: the detour through the fleet device must cost nothing. */
import { summarise } from '../src/base/statistics.js'
import { compareSpeeds } from '../src/engine/speed.js'
import { referenceModel } from './reference-model.js'
import { type Benchmark, type BenchmarkOptions, type Section, summaryRows } from './report.js'
import { benchConfig, now, withSubjects } from './support.js'

const PROMPT = 128
const GENERATE = 32
const TARGETS = { local: { atLeast: 0.97 } }

export const local: Benchmark = {
  name: 'local',
  about: 'plain libllama against the local domain',
  run: async (options) => [...(await compare(1, options)), ...(await compare(2, options))],
}

function compare(threads: number, { rounds }: BenchmarkOptions): Promise<Section[]> {
  const config = benchConfig(referenceModel(), { threads })
  const specs = [
    { name: 'plain', config, isPlain: true },
    { name: 'local', config },
  ]
  return withSubjects(specs, (subjects) => {
    const speeds = compareSpeeds(subjects, { prompt: PROMPT, generate: GENERATE, rounds, now })
    const options = { unit: 'tokens/s', targets: TARGETS }
    return [
      {
        title: `local: decode ${GENERATE} tokens after ${PROMPT}, ${threads} thread(s)`,
        rows: summaryRows(summarise(speeds.decode), options),
      },
      {
        title: `local: prefill ${PROMPT} tokens, ${threads} thread(s)`,
        rows: summaryRows(summarise(speeds.prefill), options),
      },
    ]
  })
}
