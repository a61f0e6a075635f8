/** Streams that keep a head busy while something is done to its fleet. */
import { fixedTokens } from '../src/engine/fixed-tokens.js'
import { openGguf } from '../src/gguf/reader.js'
import { waitUntil } from './processes.js'
import {
  type Ask,
  gapsBetween,
  openStream,
  readStream,
  type TimedStream,
  type TimeSpan,
} from './token-stream.js'

export type LoadOptions = {
  readonly port: number
  readonly modelPath: string
  readonly streams: number
  readonly prompt: number
  readonly maxTokens: number
}

/** The same requests each time, no two alike. */
export function asksOf({ modelPath, streams, prompt, maxTokens }: LoadOptions): Ask[] {
  const vocabSize = openGguf(modelPath).getModelNumber('vocab_size') ?? 0
  return Array.from({ length: streams }, (_, sequence) => ({
    prompt: fixedTokens(prompt, { sequence, vocabSize }),
    maxTokens,
  }))
}

export type Wave = {
  readonly streams: readonly TimedStream[]
  readonly ended: Promise<void>
}

/** All requests at once. */
export function startWave(port: number, asks: readonly Ask[]): Wave {
  const opened = asks.map((ask) => openStream(port, ask))
  return {
    streams: opened.map(({ stream }) => stream),
    ended: Promise.all(opened.map(({ ended }) => ended)).then(() => {}),
  }
}

/** All at once, to their ends. */
export async function readWave(
  port: number,
  asks: readonly Ask[],
): Promise<readonly TimedStream[]> {
  const { streams, ended } = startWave(port, asks)
  await ended
  return streams
}

/** One request after another. */
export async function readAlone(port: number, asks: readonly Ask[]): Promise<TimedStream[]> {
  const streams: TimedStream[] = []
  for (const ask of asks) streams.push(await readStream(port, ask))
  return streams
}

/** Wave after wave until it is stopped. */
export class SteadyLoad {
  readonly #options: LoadOptions
  readonly #asks: readonly Ask[]
  readonly #ended: Promise<void>
  readonly #waves: Wave[] = []
  #isWanted = true

  constructor(options: LoadOptions) {
    this.#options = options
    this.#asks = asksOf(options)
    this.#ended = this.#run()
  }

  /** In the order of the requests, wave by wave. */
  get streams(): TimedStream[] {
    return this.#waves.flatMap(({ streams }) => streams)
  }

  get failed(): TimedStream[] {
    return this.streams.filter(({ error }) => error !== undefined)
  }

  /** Tokens that came in all. */
  get tokens(): number {
    return this.streams.reduce((sum, { tokens }) => sum + tokens.length, 0)
  }

  /** Milliseconds between each token and the next, of all streams. */
  gaps(span: TimeSpan): number[] {
    return this.streams.flatMap((stream) => gapsBetween(stream, span))
  }

  /** Waits until so many more have come. */
  async pass(tokens: number): Promise<void> {
    const wanted = this.tokens + tokens
    await waitUntil(() => this.tokens >= wanted, { what: 'tokens flow' })
  }

  /** Resolves when the last wave has ended. */
  stop(): Promise<void> {
    this.#isWanted = false
    return this.#ended
  }

  async #run(): Promise<void> {
    while (this.#isWanted) {
      const wave = startWave(this.#options.port, this.#asks)
      this.#waves.push(wave)
      await wave.ended
      // A head that refuses everything at once must not make this a busy loop.
      if (wave.streams.every(({ tokens }) => tokens.length === 0)) return
    }
  }
}
