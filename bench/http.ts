/** Many streams over HTTP against bare libllama with as many sequences in one batch. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { assert } from '../src/base/assert.js'
import { type Series, summarise } from '../src/base/statistics.js'
import { openGguf } from '../src/gguf/reader.js'
import type { BatchRound, BatchStart, BatchTimes } from './batch-main.js'
import { referenceModel } from './reference-model.js'
import { type Benchmark, type BenchmarkOptions, type Section, summaryRows } from './report.js'
import { serveModel } from './served.js'
import { streamCompletion } from './stream-client.js'
import { batchPrompt, benchConfig, takeTurns } from './support.js'

const STREAMS = 16
const PROMPT = 8
const GENERATE = 64
const CONTEXT = 512
const BATCH = 512
const TARGETS = { 'over HTTP': { atLeast: 0.9 } }
const BATCH_MAIN = fileURLToPath(new URL('./batch-main.js', import.meta.url))

export const http: Benchmark = {
  name: 'http',
  about: `${STREAMS} streams over HTTP against a bare batch of ${STREAMS}`,
  run: measure,
}

/** Tokens per second of all streams together: after their first tokens, and from the start. */
type Speed = { readonly decode: number; readonly whole: number }

async function measure({ rounds }: BenchmarkOptions): Promise<Section[]> {
  const threads = availableParallelism()
  const path = referenceModel()
  const bare = await openBare(path, threads)
  const served = await serveModel(path, serveOptions(threads))
  const vocabSize = openGguf(path).getModelNumber('vocab_size') ?? 0
  const whole: Series[] = []
  try {
    const measureBare = (round: number) => runBare(bare, round)
    const measureHttp = (round: number) => runStreams(served.port, { round, vocabSize })
    const decode = await takeTurns(
      [keepWhole('bare libllama', measureBare, whole), keepWhole('over HTTP', measureHttp, whole)],
      rounds,
    )
    const options = { unit: 'tokens/s', targets: TARGETS }
    const where = `${STREAMS} streams of ${GENERATE} tokens, ${threads} threads`
    return [
      { title: `http: decode, ${where}`, rows: summaryRows(summarise(decode), options) },
      {
        title: `http: with the prompts of ${PROMPT} tokens, ${where}`,
        rows: summaryRows(summarise(whole), { unit: 'tokens/s' }),
      },
    ]
  } finally {
    bare.disconnect()
    await served.stop()
  }
}

function serveOptions(threads: number): string[] {
  const counts = { threads, parallel: STREAMS, ctx: CONTEXT, batch: BATCH, cards: 0 }
  return Object.entries(counts).flatMap(([name, value]) => [`--${name}`, String(value)])
}

/** One measurement gives both speeds: the decode speed is returned, the other one kept aside. */
function keepWhole(
  name: string,
  run: (round: number) => Promise<Speed>,
  kept: Series[],
): { name: string; run: (round: number) => Promise<number> } {
  const values: number[] = []
  kept.push({ name, values })
  return {
    name,
    run: async (round) => {
      const { decode, whole } = await run(round)
      if (round > 0) values.push(whole)
      return decode
    },
  }
}

async function openBare(modelPath: string, threads: number): Promise<ChildProcess> {
  const child = fork(BATCH_MAIN)
  const sizes = { parallel: STREAMS, contextLength: CONTEXT, batch: BATCH }
  const config = benchConfig(modelPath, { threads, ...sizes })
  child.send({ kind: 'open', config } satisfies BatchStart)
  await answerOf(child)
  return child
}

async function runBare(child: ChildProcess, round: number): Promise<Speed> {
  const sizes = { sequences: STREAMS, prompt: PROMPT, generate: GENERATE }
  child.send({ kind: 'round', round, ...sizes } satisfies BatchRound)
  const { prefill, decode } = (await answerOf(child)) as BatchTimes
  return {
    decode: (1000 * STREAMS * (GENERATE - 1)) / decode,
    whole: (1000 * STREAMS * GENERATE) / (prefill + decode),
  }
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const gone = once(child, 'exit').then(([status]) => {
    throw new Error(`the bare process ended with ${status}`)
  })
  const [answer] = await Promise.race([once(child, 'message'), gone])
  return answer
}

/** All streams start at once; each one's speed counts from its first token to its end. */
async function runStreams(
  port: number,
  { round, vocabSize }: { round: number; vocabSize: number },
): Promise<Speed> {
  const times = await Promise.all(
    Array.from({ length: STREAMS }, (_, sequence) => {
      const place = { round, sequence, sequences: STREAMS, prompt: PROMPT, vocabSize }
      return streamCompletion(port, { prompt: batchPrompt(place), maxTokens: GENERATE })
    }),
  )
  for (const { tokens } of times) assert(tokens === GENERATE, `a stream ended at ${tokens} tokens`)
  const start = Math.min(...times.map((one) => one.sent))
  const end = Math.max(...times.map((one) => one.end))
  return {
    decode: times.reduce((sum, one) => sum + (1000 * (GENERATE - 1)) / (one.end - one.first), 0),
    whole: (1000 * STREAMS * GENERATE) / (end - start),
  }
}
