/**
 * Encodings of activations between head and card: their bytes, their speed, and what they do to
 * the logits beside what rounding the weights does to them.
 */
import { assert } from '../src/base/assert.js'
import { summarise } from '../src/base/statistics.js'
import { combineEncoding } from '../src/engine/card-experts.js'
import { compareRows } from '../src/engine/logit-comparison.js'
import type { Runtime } from '../src/engine/runtime.js'
import { compareSpeeds, type Subject } from '../src/engine/speed.js'
import { ENCODINGS, type Encoding, encodedRowBytes } from '../src/fabric/encoding.js'
import { HEADER_BYTES } from '../src/fabric/frame.js'
import { openGguf } from '../src/gguf/reader.js'
import { decodeRows, traceLogits } from './logit-trace.js'
import { referenceModel } from './reference-model.js'
import {
  type Benchmark,
  type BenchmarkOptions,
  judge,
  type Row,
  type Section,
  summaryRows,
} from './report.js'
import { benchConfig, now, type SubjectSpec, withSubjects } from './support.js'
import { WIRE_MODEL_TYPES, wireModel } from './wire-models.js'

const PROMPT = 128
const GENERATE = 32
const HEADER_PERCENT_MAX = 3

export const wire: Benchmark = {
  name: 'wire',
  about: 'encodings of activations: bytes, speed, effect on the logits',
  run: async (options) => [...(await measureWires(options)), await measureLogits(options)],
}

function measureWires({ rounds }: BenchmarkOptions): Promise<Section[]> {
  const path = referenceModel()
  const width = openGguf(path).getModelNumber('embedding_length') ?? 0
  const specs = ENCODINGS.map((encoding) => onCard(path, encoding))
  return withSubjects(specs, (subjects) => {
    const bytes = subjects.flatMap((subject, index) =>
      countBytes(subject, { encoding: ENCODINGS[index] ?? 'f32', width }),
    )
    const speeds = compareSpeeds(subjects, { prompt: PROMPT, generate: GENERATE, rounds, now })
    const unit = 'tokens/s'
    return [
      { title: 'wire: bytes per token and layer, 1 card', rows: bytes },
      {
        title: `wire: decode ${GENERATE} tokens after ${PROMPT}, 1 card`,
        rows: summaryRows(summarise(speeds.decode), { unit }),
      },
      {
        title: `wire: prefill ${PROMPT} tokens, 1 card`,
        rows: summaryRows(summarise(speeds.prefill), { unit }),
      },
    ]
  })
}

function onCard(modelPath: string, encoding: Encoding): SubjectSpec {
  return { name: encoding, config: benchConfig(modelPath, { cards: 1, wire: encoding }) }
}

type RowWidth = { readonly encoding: Encoding; readonly width: number }

/** One row for decode and one for prefill. Every token asks for logits, so none is left out. */
function countBytes({ name, runtime }: Subject, row: RowWidth): Row[] {
  return [1, runtime.outputsMax].map((tokens) => {
    runtime.context.clearMemory()
    const before = traffic(runtime)
    decodeRows(runtime, new Array<number>(tokens).fill(1), 0)
    const after = traffic(runtime)
    const layers = after.regions - before.regions
    return {
      encoding: name,
      'tokens per step': tokens,
      ...bytesRow({
        sent: (after.sent - before.sent) / layers / tokens,
        received: (after.received - before.received) / layers / tokens,
        tokens,
        ...row,
      }),
    }
  })
}

type TokenBytes = RowWidth & {
  readonly sent: number
  readonly received: number
  readonly tokens: number
}

/** What is neither an activation nor a chosen expert with its weight is header. */
function bytesRow({ sent, received, tokens, encoding, width }: TokenBytes): Row {
  const activation =
    encodedRowBytes(encoding, width) + encodedRowBytes(combineEncoding(encoding), width)
  const total = sent + received
  const rest = (100 * (total - activation)) / total
  return {
    'bytes out': sent,
    'bytes back': received,
    'not activations %': rest,
    'frame headers %': (100 * 2 * HEADER_BYTES) / tokens / total,
    ...judge(rest, { atMost: HEADER_PERCENT_MAX }),
  }
}

function traffic({ experts }: Runtime): { sent: number; received: number; regions: number } {
  const stats = experts?.stats()
  assert(stats !== undefined, 'the experts are on a card')
  return {
    sent: stats.cards.reduce((sum, card) => sum + card.bytesSent, 0),
    received: stats.cards.reduce((sum, card) => sum + card.bytesReceived, 0),
    regions: stats.regions,
  }
}

/** Experts of other types are the same numbers, rounded; f32 is what they were. */
async function measureLogits({ say }: BenchmarkOptions): Promise<Section> {
  const exact = await tracePlain(wireModel('f32'))
  const rows: Row[] = []
  for (const type of WIRE_MODEL_TYPES) {
    say(`wire: logits of ${type} experts`)
    rows.push(...(await compareWires(wireModel(type), { name: `${type} experts`, exact })))
  }
  say('wire: logits of the reference model')
  rows.push(...(await compareWires(referenceModel(), { name: 'reference' })))
  return { title: 'wire: normalised mean-square error of the logits', rows }
}

function tracePlain(modelPath: string): Promise<Float32Array[]> {
  return traceLogits({ name: 'plain', config: benchConfig(modelPath), isPlain: true })
}

async function compareWires(
  path: string,
  { name, exact }: { name: string; exact?: readonly Float32Array[] },
): Promise<Row[]> {
  const plain = await tracePlain(path)
  const own = exact === undefined ? undefined : compareRows(exact, plain).normalisedError
  const rows: Row[] = []
  for (const encoding of ENCODINGS) {
    const rowsOfCard = await traceLogits(onCard(path, encoding))
    const { normalisedError, agreement } = compareRows(plain, rowsOfCard)
    rows.push({
      model: name,
      wire: encoding,
      'wire: vs plain': normalisedError,
      'greedy agreement': agreement,
      ...(exact === undefined || own === undefined
        ? {}
        : {
            'weights: plain vs f32': own,
            'both: wire vs f32': compareRows(exact, rowsOfCard).normalisedError,
            'wire / weights': own === 0 ? 'n/a' : normalisedError / own,
          }),
    })
  }
  return rows
}
