/** What a served model occupies: the head without experts, each card with its part. Linux only. */
import { assert } from '../src/base/assert.js'
import { fixedTokens } from '../src/engine/fixed-tokens.js'
import { parseKvType } from '../src/engine/kv-type.js'
import { kvCellBytes } from '../src/engine/memory-need.js'
import { mapPages } from '../src/gguf/pages.js'
import { type GgufModel, openGguf } from '../src/gguf/reader.js'
import { childrenOf, MEGABYTE, residence } from './processes.js'
import { referenceModel } from './reference-model.js'
import { type Benchmark, judge, type Row, type Section } from './report.js'
import { serveModel } from './served.js'
import { streamCompletion } from './stream-client.js'

const CARDS = 2
const PARALLEL = 4
const CONTEXT = 4096
const PROMPT = 512
const GENERATE = 16
/** Beyond trunk and KV cache, and beyond the pages. */
const HEAD_MB = 250
const CARD_MB = 150

export const memory: Benchmark = {
  name: 'memory',
  about: 'resident memory of head and cards',
  run: measure,
}

async function measure(): Promise<Section[]> {
  const path = referenceModel()
  const gguf = openGguf(path)
  const sizes = { cards: CARDS, parallel: PARALLEL, ctx: CONTEXT }
  const options = Object.entries(sizes).flatMap(([name, value]) => [`--${name}`, String(value)])
  const served = await serveModel(path, options)
  try {
    await computeSomething(served.port, gguf)
    const title = `memory: MB after ${PROMPT} + ${GENERATE} tokens, ${CARDS} cards`
    return [{ title, rows: measureProcesses(served.pid, gguf) }]
  } finally {
    await served.stop()
  }
}

/** A prompt as long as a step makes the buffers as large as they get. */
async function computeSomething(port: number, gguf: GgufModel): Promise<void> {
  const vocabSize = gguf.getModelNumber('vocab_size') ?? 0
  const prompt = fixedTokens(PROMPT, { sequence: 0, vocabSize })
  await streamCompletion(port, { prompt, maxTokens: GENERATE })
}

function measureProcesses(serverPid: number, gguf: GgufModel): Row[] {
  const { trunkBytes, expertBytes } = mapPages(gguf)
  const kvBytes = PARALLEL * CONTEXT * kvCellBytes(gguf, parseKvType('f16'))
  const [enginePid, ...others] = childrenOf(serverPid)
  assert(enginePid !== undefined && others.length === 0, 'a server has one engine')
  const cards = childrenOf(enginePid)
  assert(cards.length === CARDS, `${cards.length} cards were found`)
  const pageBytes = expertBytes / CARDS
  const head = { weights: trunkBytes + kvBytes, extraMb: HEAD_MB }
  const card = { weights: pageBytes, extraMb: CARD_MB }
  return [
    { process: 'server', ...residence([serverPid]) },
    { process: 'engine', ...residence([enginePid]) },
    row('head (both)', [serverPid, enginePid], head),
    ...cards.map((pid, id) => row(`card ${id}`, [pid], card)),
  ]
}

function row(
  name: string,
  pids: readonly number[],
  { weights, extraMb }: { weights: number; extraMb: number },
): Row {
  const resident = residence(pids)
  const beyond = resident.VmRSS - weights / MEGABYTE
  return {
    process: name,
    ...resident,
    'weights and KV': weights / MEGABYTE,
    beyond,
    ...judge(beyond, { atMost: extraMb }),
  }
}
