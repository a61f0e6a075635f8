/** Decode through one domain with one card, encrypted and not, against plain libllama. */
import { type Summary, summarise } from '../src/base/statistics.js'
import { openGguf } from '../src/gguf/reader.js'
import { decodeSpeed, warmUp, withFleets } from './fleet-subject.js'
import { referenceModel } from './reference-model.js'
import {
  type BenchmarkOptions,
  judge,
  type Row,
  type Section,
  summaryRows,
  type Target,
} from './report.js'
import { takeTurns } from './support.js'

const TLS = '1 domain, TLS'
const PLAIN_TEXT = '1 domain, plain text'
const DECODE_MIN = 0.85
const TLS_MIN = 0.93

export function decode({ rounds }: BenchmarkOptions): Promise<Section[]> {
  const specs = [
    { name: TLS, domains: [[]] },
    { name: PLAIN_TEXT, config: { fleetPlain: true }, domains: [['--plain']] },
  ]
  return withFleets(referenceModel(), specs, async (plain, fleets) => {
    const contenders = fleets.map((subject) => ({
      name: subject.name,
      run: async (round: number) => {
        await subject.settled()
        return decodeSpeed(subject, round)
      },
    }))
    const local = { name: plain.name, run: (round: number) => decodeSpeed(plain, round) }
    for (const subject of [plain, ...fleets]) warmUp(subject)
    const series = await takeTurns([local, ...contenders], rounds)
    const [, tls, plainText] = series
    const againstPlainText = summarise([plainText, tls].filter((one) => one !== undefined))
    const ratio = againstPlainText[1]?.ratio ?? Number.NaN
    const targets = { [TLS]: { atLeast: DECODE_MIN } }
    return [
      {
        title: 'fleet: decode, all pages on one domain of one card, threads of 1',
        rows: withLayerTime(summarise(series), targets),
      },
      {
        title: 'fleet: decode over TLS against plain text',
        rows: [{ subject: 'TLS / plain text', ratio, ...judge(ratio, { atLeast: TLS_MIN }) }],
      },
    ]
  })
}

/** What a layer takes more than it does in plain libllama, by the ratios of the rounds. */
function withLayerTime(
  summaries: readonly Summary[],
  targets: Readonly<Record<string, Target>>,
): Row[] {
  const layers = openGguf(referenceModel()).getModelNumber('block_count') ?? Number.NaN
  const layerUs = 1e6 / ((summaries[0]?.median ?? Number.NaN) * layers)
  return summaryRows(summaries, { unit: 'tokens/s', targets }).map((row, at) => ({
    ...row,
    'us more per layer': layerUs * (1 / (summaries[at]?.ratio ?? Number.NaN) - 1),
  }))
}
