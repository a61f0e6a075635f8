/**
 * A greedy stream whose every token is kept with the time it came, for benchmarks that disturb
 * what they measure: a stream that fails says so instead of throwing.
 */
import type { IncomingMessage } from 'node:http'
import { postCompletion } from './stream-client.js'
import { now } from './support.js'

export type Ask = { readonly prompt: readonly number[]; readonly maxTokens: number }

export type TimedStream = {
  readonly sentMs: number
  readonly tokens: number[]
  /** Milliseconds of the monotonic clock, one for each token. */
  readonly timesMs: number[]
  /** Why it did not end as it should. */
  error: string | undefined
}

type Chunk = {
  readonly error?: { readonly code: string; readonly message: string }
  readonly choices?: ReadonlyArray<{ readonly token_ids?: readonly number[] }>
}

/** Resolves at its end; `stream` fills while it runs. */
export function openStream(
  port: number,
  { prompt, maxTokens }: Ask,
): { readonly stream: TimedStream; readonly ended: Promise<void> } {
  const stream: TimedStream = { sentMs: now(), tokens: [], timesMs: [], error: undefined }
  const body = JSON.stringify({
    prompt,
    max_tokens: maxTokens,
    temperature: 0,
    ignore_eos: true,
    stream: true,
    return_token_ids: true,
  })
  const ended = postCompletion(port, body)
    .then((response) => read(response, stream))
    .catch((error: Error) => {
      stream.error ??= error.message
    })
    .then(() => {
      if (stream.tokens.length < maxTokens) stream.error ??= `${stream.tokens.length} tokens came`
    })
  return { stream, ended }
}

export async function readStream(port: number, ask: Ask): Promise<TimedStream> {
  const { stream, ended } = openStream(port, ask)
  await ended
  return stream
}

async function read(response: IncomingMessage, stream: TimedStream): Promise<void> {
  let rest = ''
  response.setEncoding('utf8')
  for await (const text of response) {
    const events = (rest + text).split('\n\n')
    rest = events.pop() ?? ''
    const timeMs = now()
    for (const event of events) note(event, stream, timeMs)
  }
  if (response.statusCode !== 200) stream.error ??= `status ${response.statusCode}: ${rest}`
}

function note(event: string, stream: TimedStream, timeMs: number): void {
  if (!event.startsWith('data: {')) return
  const { error, choices } = JSON.parse(event.slice('data: '.length)) as Chunk
  if (error !== undefined) stream.error ??= `${error.code}: ${error.message}`
  for (const token of choices?.[0]?.token_ids ?? []) {
    stream.tokens.push(token)
    stream.timesMs.push(timeMs)
  }
}

export type TimeSpan = { readonly fromMs: number; readonly toMs: number }

/**
 * Milliseconds from the request to the first token and between each token and the next, as far as
 * that time meets the span.
 */
export function gapsBetween(
  { sentMs, timesMs }: TimedStream,
  { fromMs, toMs }: TimeSpan,
): number[] {
  return timesMs.flatMap((time, at) => {
    const before = timesMs[at - 1] ?? sentMs
    return time < fromMs || before > toMs ? [] : [time - before]
  })
}
