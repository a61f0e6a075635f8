/** Decode through one domain with one card, encrypted and not, against plain libllama. */
import { summarise } from '../src/base/statistics.js'
import { decodeSpeed, warmUp, withFleets } from './fleet-subject.js'
import { referenceModel } from './reference-model.js'
import { type BenchmarkOptions, judge, type Section, summaryRows } from './report.js'
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
    const contenders = [plain, ...fleets].map(({ name, runtime }) => ({
      name,
      run: (round: number) => decodeSpeed(runtime, round),
    }))
    for (const { runtime } of [plain, ...fleets]) await warmUp(runtime)
    const series = await takeTurns(contenders, rounds)
    const [, tls, plainText] = series
    const againstPlainText = summarise([plainText, tls].filter((one) => one !== undefined))
    const ratio = againstPlainText[1]?.ratio ?? Number.NaN
    const targets = { [TLS]: { atLeast: DECODE_MIN } }
    return [
      {
        title: 'fleet: decode, all pages on one domain of one card, threads of 1',
        rows: summaryRows(summarise(series), { unit: 'tokens/s', targets }),
      },
      {
        title: 'fleet: decode over TLS against plain text',
        rows: [{ subject: 'TLS / plain text', ratio, ...judge(ratio, { atLeast: TLS_MIN }) }],
      },
    ]
  })
}
