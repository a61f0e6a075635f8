/**
 * What happens around requests: loading, a full queue, clients that leave or do not read, an
 * engine that dies.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { call, chat, chunksOf, type Harness, startHarness, until } from './harness.js'

const CHAT = '/v1/chat/completions'

test('while the model loads models answer and requests get 503', async () => {
  await using harness = await startHarness({ env: { FAKE_LOAD_MS: '60000' }, isReady: false })
  assert.equal((await call(harness.url, '/health')).status, 200)
  assert.equal((await call(harness.url, '/v1/models')).json.data[0]?.id, 'fake')
  for (const [path, body] of [['/ready'], [CHAT, chat('echo a')]] as const) {
    const answer = await call(harness.url, path, body === undefined ? {} : { body })
    assert.equal(answer.status, 503)
    assert.equal(answer.json.error.code, 'not_ready')
    assert.ok(Number(answer.headers['retry-after']) > 0)
  }
  harness.engine.kill()
})

test('a full queue answers 429 with Retry-After and recovers', async () => {
  await using harness = await startHarness({ config: { parallel: 1 }, maxQueue: 1 })
  const { req } = await openStream(harness, 'forever')
  const waiting = post(harness, chat('forever'))
  waiting.on('error', () => {})
  await until(async () => (await running(harness)) === 2)
  const refused = await call(harness.url, CHAT, { body: chat('echo a') })
  assert.equal(refused.status, 429)
  assert.equal(refused.json.error.code, 'queue_full')
  assert.equal(refused.json.error.type, 'rate_limit')
  assert.ok(Number(refused.headers['retry-after']) > 0)
  req.destroy()
  waiting.destroy()
  await until(async () => (await call(harness.url, CHAT, { body: chat('echo a') })).status === 200)
})

test('n choices take n places, and more than there are wait for their turn', async () => {
  await using harness = await startHarness({ config: { parallel: 1 }, maxQueue: 2 })
  const held = await openStream(harness, 'forever')
  assert.equal((await call(harness.url, CHAT, { body: chat('echo a', { n: 3 }) })).status, 429)
  held.req.destroy()
  await until(async () => (await running(harness)) === 0)
  const answer = await call(harness.url, CHAT, { body: chat('echo a', { n: 5 }) })
  assert.equal(answer.json.choices.length, 5)
})

test('a client that leaves frees its slot, streamed or not', async () => {
  await using harness = await startHarness()
  const streamed = await openStream(harness, 'forever')
  const whole = post(harness, chat('forever', { n: 2, max_tokens: 900 }))
  whole.on('error', () => {})
  await until(async () => (await running(harness)) === 3)
  streamed.req.destroy()
  whole.destroy()
  await until(async () => (await running(harness)) === 0)
  const stats = await harness.engine.stats()
  assert.equal(stats.kvUsedTokens, 3, 'three cancels arrived')
  assert.match((await call(harness.url, '/metrics')).text, /sputnik_cancelled_total 2\n/)
})

test('silence is filled with pings after headers came at once', async () => {
  await using harness = await startHarness({ times: { pingMs: 20, earlyErrorMs: 1 } })
  const answer = await call(harness.url, CHAT, { body: chat('slow 1000 late', { stream: true }) })
  assert.ok(answer.text.split(': ping\n\n').length > 2, answer.text)
  assert.equal(chunksOf(answer.text)[0]?.choices[0]?.delta.content, ' late')
})

test('a client that does not read is cut after the stall time', async () => {
  await using harness = await startHarness({
    times: { stallMs: 50, bufferBytesMax: 1e9 },
    config: { contextLength: 2_000_000 },
  })
  const socket = await readNothing(harness, chat('flood', { stream: true, n: 4 }))
  await until(async () => (await running(harness)) > 0)
  await until(async () => (await running(harness)) === 0)
  socket.destroy()
})

test('a client that does not read is cut at the buffer limit', async () => {
  await using harness = await startHarness({
    times: { bufferBytesMax: 100_000 },
    config: { contextLength: 2_000_000 },
  })
  const socket = await readNothing(harness, chat('flood', { stream: true, n: 4 }))
  await until(async () => (await running(harness)) > 0)
  await until(async () => (await running(harness)) === 0)
  socket.destroy()
})

test('a lost engine ends streams with an error chunk and is started again', async () => {
  await using harness = await startHarness()
  const pid = harness.engine.pid
  const whole = call(harness.url, CHAT, { body: chat('forever') })
  await until(async () => (await running(harness)) === 1)
  const answer = await call(harness.url, CHAT, { body: chat('crash 3', { stream: true }) })
  const chunks = chunksOf(answer.text)
  assert.equal(chunks.at(-1)?.error.code, 'engine_lost')
  assert.equal(chunks.at(0)?.choices[0]?.delta.content, ' w0')
  const lost = await whole
  assert.equal(lost.status, 503)
  assert.ok(Number(lost.headers['retry-after']) > 0)
  await until(() => harness.engine.state === 'ready')
  assert.notEqual(harness.engine.pid, pid)
  assert.equal((await call(harness.url, CHAT, { body: chat('echo a') })).status, 200)
})

test('an engine that keeps dying is given up, and the server says so', async () => {
  await using harness = await startHarness()
  for (let life = 0; life < 4; life++) {
    await until(() => harness.engine.state === 'ready')
    await call(harness.url, CHAT, { body: chat('crash 0') })
    await until(() => harness.engine.state !== 'ready')
  }
  await until(() => harness.engine.state === 'failed')
  const answer = await call(harness.url, '/ready')
  assert.equal(answer.status, 503)
  assert.match(answer.json.error.message, /given up/)
  assert.equal((await call(harness.url, '/health')).json.engine, 'failed')
})

test('an engine that cannot start gives its own error', async () => {
  await using harness = await startHarness({ config: { modelPath: '/missing' }, isReady: false })
  await assert.rejects(harness.ready, { code: 'FILE_NOT_FOUND' })
})

test('an error after the first token becomes the last chunk', async () => {
  await using harness = await startHarness()
  const body = chat('late CARD_LOST', { stream: true })
  const chunks = chunksOf((await call(harness.url, CHAT, { body })).text)
  assert.equal(chunks.at(-1)?.error.code, 'card_lost')
  assert.equal((await call(harness.url, CHAT, { body: chat('late CARD_LOST') })).status, 500)
})

test('no place is lost whenever clients leave', async () => {
  await using harness = await startHarness({ config: { parallel: 2 }, maxQueue: 6 })
  const contents = ['forever', 'echo a b c', 'slow 20 late', 'fail BAD_GRAMMAR', 'late CARD_LOST']
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...contents),
      fc.record({ stream: fc.boolean(), n: fc.integer({ min: 1, max: 8 }) }),
      fc.integer({ min: 0, max: 30 }),
      async (content, more, leaveMs) => {
        const req = post(harness, chat(content, { ...more, max_tokens: 50 }))
        req.on('error', () => {})
        req.on('response', (res) => res.on('error', () => {}).resume())
        await new Promise((resolve) => setTimeout(resolve, leaveMs))
        req.destroy()
      },
    ),
    { numRuns: 60, endOnFailure: true },
  )
  await until(async () => (await running(harness)) === 0)
  const answer = await call(harness.url, CHAT, { body: chat('echo a', { n: 8 }) })
  assert.equal(answer.status, 200, 'all eight places are free')
})

test('a body that does not arrive is answered with 408', async () => {
  await using harness = await startHarness({ times: { headersMs: 100, bodyMs: 200 } })
  const socket = connect({ port: Number(new URL(harness.url).port), host: '127.0.0.1' })
  socket.write(`POST ${CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{`)
  let answer = ''
  for await (const chunk of socket.setEncoding('utf8')) answer += chunk
  assert.match(answer, /^HTTP\/1\.1 408 /)
  assert.match(answer, /"code":"request_timeout"/)
})

test('closing lets running requests finish and refuses new ones', async () => {
  await using harness = await startHarness()
  const first = call(harness.url, CHAT, { body: chat('slow 2000 done') })
  await until(async () => (await running(harness)) === 1)
  const closed = harness.server.close(60_000)
  const refused = await call(harness.url, CHAT, { body: chat('echo a') })
  assert.equal(refused.json.error.code, 'shutting_down')
  assert.equal((await call(harness.url, '/ready')).status, 503)
  assert.equal((await first).json.choices[0]?.message.content, ' done')
  await closed
})

type OpenStream = { readonly req: ClientRequest; readonly res: IncomingMessage }

/** Resolves when the first bytes of the stream are there. */
async function openStream(harness: Harness, content: string): Promise<OpenStream> {
  const req = post(harness, chat(content, { stream: true, max_tokens: 900 }))
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  req.on('error', () => {})
  res.on('error', () => {})
  await once(res, 'data')
  return { req, res }
}

function post(harness: Harness, body: object): ClientRequest {
  const req = request(new URL(CHAT, harness.url), { method: 'POST', agent: false })
  req.end(JSON.stringify(body))
  return req
}

async function running(harness: Harness): Promise<number> {
  const { running, waiting } = await harness.engine.stats()
  return running + waiting
}

/** A socket that sends the request and never reads a byte of the answer. */
async function readNothing(harness: Harness, body: object) {
  const text = JSON.stringify(body)
  const socket = connect({ port: Number(new URL(harness.url).port), host: '127.0.0.1' })
  await once(socket, 'connect')
  socket.on('error', () => {})
  socket.pause()
  socket.write(
    `POST ${CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
  return socket
}
