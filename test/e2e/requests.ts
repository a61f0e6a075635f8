/** Requests of the end-to-end tests, greedy and without an end of text. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { type Body, call, chunksOf } from '../server/harness.js'
import { waitUntil } from '../support/processes.js'

export type Ask = { readonly prompt: readonly number[]; readonly count: number }

function body({ prompt, count }: Ask, more: object = {}): object {
  const tokens = { prompt, max_tokens: count, return_token_ids: true }
  return { ...tokens, temperature: 0, ignore_eos: true, ...more }
}

export async function completeTokens(
  url: string,
  ask: Ask,
  more: object = {},
): Promise<readonly number[]> {
  const { status, text, json } = await call(url, '/v1/completions', { body: body(ask, more) })
  assert.equal(status, 200, text)
  return json.choices[0]?.token_ids ?? []
}

/** The same over a stream, which must end as it should and without an error. */
export async function streamTokens(url: string, ask: Ask): Promise<readonly number[]> {
  const options = { body: body(ask, { stream: true }) }
  const { status, text } = await call(url, '/v1/completions', options)
  assert.equal(status, 200, text)
  return tokensOf(text)
}

export type OpenStream = {
  /** What has come so far. */
  readonly text: () => string
  /** When each piece of it came, in milliseconds since 1970. */
  readonly times: readonly number[]
  /** Everything up to the end of the response; rejects when the connection breaks. */
  readonly rest: Promise<string>
}

/** A long stream; resolves when the first text has come. */
export async function openStream(url: string, ask: Ask, more: object = {}): Promise<OpenStream> {
  const req = request(new URL('/v1/completions', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    agent: false,
  })
  req.end(JSON.stringify(body(ask, { ...more, stream: true })))
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  assert.equal(res.statusCode, 200)
  let text = ''
  const times: number[] = []
  res.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
    times.push(Date.now())
  })
  const rest = once(res, 'end').then(() => text)
  rest.catch(() => {})
  await once(res, 'data')
  return { rest, text: () => text, times }
}

/** Tokens of a stream that ended as it should, without an error. */
export function tokensOf(text: string): readonly number[] {
  const chunks = chunksOf(text)
  assert.deepEqual(
    chunks.flatMap(({ error }) => error ?? []),
    [],
  )
  assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'length')
  return chunks.flatMap(({ choices }) => choices[0]?.token_ids ?? [])
}

/** Waits until so many more tokens have come, or the stream has ended. */
export async function moreTokens({ text, rest }: OpenStream, count: number): Promise<void> {
  const wanted = chunkCount(text()) + count
  let hasEnded = false
  const end = (): void => {
    hasEnded = true
  }
  void rest.then(end, end)
  await waitUntil(() => hasEnded || chunkCount(text()) >= wanted, 'no more tokens come')
}

function chunkCount(text: string): number {
  return text.split('data: {').length - 1
}

/** A chat answer in one piece. */
export async function chatText(url: string, content: string, count: number): Promise<string> {
  const messages = [{ role: 'user', content }]
  const options = { max_tokens: count, temperature: 0, ignore_eos: true }
  const { status, text, json } = await call(url, '/v1/chat/completions', {
    body: { messages, ...options },
  })
  assert.equal(status, 200, text)
  return json.choices[0]?.message.content ?? ''
}

export function lastChunk(text: string): Body {
  return chunksOf(text).at(-1) as Body
}
