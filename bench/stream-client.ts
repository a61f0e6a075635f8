/**
 * Streams completions as cheaply as can be, since the client shares the processors with what it
 * measures: it looks at when chunks come, and at the last one's usage.
 */
import { Agent, type IncomingMessage, request } from 'node:http'
import { assert } from '../src/base/assert.js'
import { now } from './support.js'

export type StreamTimes = {
  readonly tokens: number
  /** Milliseconds of the monotonic clock. */
  readonly sent: number
  readonly first: number
  readonly end: number
}

const AGENT = new Agent({ keepAlive: true })

export function streamCompletion(
  port: number,
  { prompt, maxTokens }: { prompt: readonly number[]; maxTokens: number },
): Promise<StreamTimes> {
  const body = JSON.stringify({
    prompt,
    max_tokens: maxTokens,
    temperature: 0,
    ignore_eos: true,
    stream: true,
    stream_options: { include_usage: true },
  })
  const sent = now()
  return postCompletion(port, body).then((response) => timeStream(response, sent))
}

export function postCompletion(port: number, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const where = { host: '127.0.0.1', port, path: '/v1/completions', method: 'POST' }
    const headers = { 'content-type': 'application/json' }
    const asked = request({ ...where, agent: AGENT, headers }, resolve)
    asked.on('error', reject)
    asked.end(body)
  })
}

async function timeStream(response: IncomingMessage, sent: number): Promise<StreamTimes> {
  let first = Number.NaN
  let before = ''
  let last = ''
  for await (const chunk of response) {
    if (Number.isNaN(first)) first = now()
    before = last
    last = String(chunk)
  }
  const end = now()
  const tokens = Number(/"completion_tokens":(\d+)/.exec(before + last)?.[1])
  assert(Number.isFinite(tokens), `a stream ended without usage: ${before}${last}`)
  return { tokens, sent, first, end }
}
