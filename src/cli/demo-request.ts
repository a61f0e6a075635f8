/**
 * The demo's one chat request, sent and read as any client would. Knows nothing of the server
 * beyond its URL.
 */
import { reasonOf, SputnikError } from '../base/errors.js'
import { readEvents } from './sse-client.js'

/** The model in the box goes on where its user stops. */
export const BEGINNING = 'Once upon a time there was a little girl who lived in a house by the sea.'
const ANSWER_TOKENS_MAX = 160

const REQUEST_MS = 45_000

/** What the demo looks at in the chunks of a stream. */
type Chunk = {
  readonly choices?: ReadonlyArray<{ readonly delta: { readonly content?: string } }>
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
  readonly timings?: { readonly prompt_per_second: number; readonly predicted_per_second: number }
  readonly error?: { readonly message: string }
}

export type DemoAnswer = {
  readonly text: string
  readonly promptTokens: number
  readonly answerTokens: number
  readonly prefillTokensPerSecond: number
  readonly decodeTokensPerSecond: number
}

/** @throws SputnikError DEMO_FAILED */
export async function askDemo(url: string, onText: (text: string) => void): Promise<DemoAnswer> {
  try {
    const response = await post(`${url}/v1/chat/completions`)
    if (response.status !== 200 || response.body === null) throw failed(await response.text())
    return await readAnswer(response.body, onText)
  } catch (error) {
    if (error instanceof SputnikError) throw error
    throw failed(reasonOf(error), error)
  }
}

function post(url: string): Promise<Response> {
  const body = {
    messages: [{ role: 'user', content: BEGINNING }],
    max_tokens: ANSWER_TOKENS_MAX,
    temperature: 0.7,
    top_p: 0.95,
    seed: 1,
    stream: true,
    stream_options: { include_usage: true },
  }
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(REQUEST_MS),
  })
}

async function readAnswer(
  body: AsyncIterable<Uint8Array>,
  onText: (text: string) => void,
): Promise<DemoAnswer> {
  let text = ''
  let last: Chunk = {}
  for await (const data of readEvents(body)) {
    if (data === '[DONE]') return toAnswer(text, last)
    last = JSON.parse(data) as Chunk
    if (last.error !== undefined) throw failed(last.error.message)
    const piece = last.choices?.[0]?.delta.content ?? ''
    text += piece
    if (piece !== '') onText(piece)
  }
  throw failed('the stream broke off')
}

function toAnswer(text: string, { usage, timings }: Chunk): DemoAnswer {
  if (!usage || usage.completion_tokens === 0 || timings === undefined) {
    throw failed('the answer is empty')
  }
  return {
    text,
    promptTokens: usage.prompt_tokens,
    answerTokens: usage.completion_tokens,
    prefillTokensPerSecond: timings.prompt_per_second,
    decodeTokensPerSecond: timings.predicted_per_second,
  }
}

function failed(reason: string, cause?: unknown): SputnikError {
  return new SputnikError('DEMO_FAILED', `the chat request failed: ${reason}`, {}, cause)
}
