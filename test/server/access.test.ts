/**
 * Who may call what: the table of routes, keys, hosts and origins.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpServer } from '../../src/server/http-server.js'
import { checkMethod, findRoute, ROUTES } from '../../src/server/routes.js'
import { call, chat, type Harness, silentLog, startHarness } from './harness.js'

const PUBLIC = ['/health', '/ready']

test('ROUTES are the documented ones and only two are public', () => {
  assert.deepEqual(
    ROUTES.map(({ method, path, auth }) => `${method} ${path} ${auth}`),
    [
      'POST /v1/chat/completions infer',
      'POST /v1/completions infer',
      'GET /v1/models infer',
      'GET /v1/models/* infer',
      'GET /v1/fleet infer',
      'GET /v1/fleet/events infer',
      'GET /v1/fleet/experts infer',
      'POST /v1/fleet/domains/*/drain admin',
      'POST /v1/fleet/domains/*/pardon admin',
      'DELETE /v1/fleet/domains/* admin',
      'POST /tokenize infer',
      'POST /detokenize infer',
      'GET /health public',
      'GET /ready public',
      'GET /metrics metrics',
    ],
  )
})

test('findRoute matches whole paths and names below a star', () => {
  assert.equal(findRoute('/v1/models/a/b')?.path, '/v1/models/*')
  assert.equal(findRoute('/v1/models/'), undefined)
  assert.equal(findRoute('/v1/chat/completions/'), undefined)
  const ofNodes = {
    '/v1/fleet/domains/attic': '/v1/fleet/domains/*',
    '/v1/fleet/domains/attic/drain': '/v1/fleet/domains/*/drain',
    '/v1/fleet/domains/drain': '/v1/fleet/domains/*',
    '/v1/fleet/domains/a/b/drain': '/v1/fleet/domains/*',
    '/v1/fleet/domains//drain': '/v1/fleet/domains/*',
    '/v1/fleet/domains/': undefined,
    '/v1/fleet/domains': undefined,
  }
  for (const [path, wanted] of Object.entries(ofNodes)) assert.equal(findRoute(path)?.path, wanted)
})

test('checkMethod allows HEAD where GET is', () => {
  const route = findRoute('/health')
  assert.ok(route)
  checkMethod(route, 'HEAD')
  assert.throws(() => checkMethod(route, 'PUT'), { code: 'METHOD_NOT_ALLOWED' })
})

test('every route but the public ones needs a key when there is one', async () => {
  await using harness = await startHarness({ apiKeys: ['first-key', 'second-key'] })
  for (const { method, path } of [...ROUTES, { method: 'GET', path: '/nowhere' }]) {
    for (const authorization of ['', 'Bearer wrong', 'Bearer first-key-and-more', 'Basic x']) {
      const answer = await call(harness.url, path, { method, headers: { authorization } })
      if (PUBLIC.includes(path)) assert.equal(answer.status, 200)
      else assert.equal(answer.json.error.code, 'unauthorized', path)
    }
  }
})

test('keys are taken as Bearer and as x-api-key', async () => {
  await using harness = await startHarness({ apiKeys: ['first-key', 'second-key'] })
  for (const headers of [
    { authorization: 'Bearer first-key' },
    { authorization: 'bearer second-key' },
    { 'x-api-key': 'second-key' },
  ]) {
    assert.equal((await call(harness.url, '/v1/models', { headers })).status, 200)
  }
  const denied = await call(harness.url, '/v1/models')
  assert.equal(denied.status, 401)
  assert.equal(denied.headers['www-authenticate'], 'Bearer')
  assert.equal(denied.json.error.type, 'authentication_error')
})

test('unknown routes are 404 and wrong methods 405 with Allow', async () => {
  await using harness = await startHarness()
  const unknown = await call(harness.url, '/v1/nothing', { body: {} })
  assert.equal(unknown.json.error.code, 'not_found')
  const wrong = await call(harness.url, '/v1/chat/completions')
  assert.equal(wrong.status, 405)
  assert.equal(wrong.headers.allow, 'POST')
  const head = await call(harness.url, '/v1/models', { method: 'HEAD' })
  assert.equal(head.status, 200)
  assert.equal(head.text, '')
})

test('without a key a foreign Host or Origin is refused', async () => {
  await using harness = await startHarness()
  const evil = { host: 'evil.example:10457' }
  assert.equal((await call(harness.url, '/v1/models', { headers: evil })).status, 403)
  const page = { origin: 'https://evil.example' }
  const body = chat('echo a')
  assert.equal(
    (await call(harness.url, '/v1/chat/completions', { headers: page, body })).status,
    403,
  )
  for (const host of ['localhost:1', '127.0.0.1', '[::1]:80']) {
    assert.equal((await call(harness.url, '/v1/models', { headers: { host } })).status, 200)
  }
})

test('CORS is for pages of this machine only', async () => {
  await using harness = await startHarness()
  const origin = 'http://localhost:3000'
  const preflight = await call(harness.url, '/v1/chat/completions', {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization, content-type',
    },
  })
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers['access-control-allow-origin'], origin)
  assert.match(preflight.headers['access-control-allow-headers'] ?? '', /authorization/)
  assert.match(preflight.headers['access-control-allow-methods'] ?? '', /DELETE/)
  const answer = await call(harness.url, '/v1/models', { headers: { origin } })
  assert.equal(answer.headers['access-control-allow-origin'], origin)
})

test('with keys a foreign page gets no CORS header', async () => {
  await using harness = await startHarness({ apiKeys: ['some-key'] })
  const headers = { origin: 'https://evil.example', authorization: 'Bearer some-key' }
  const answer = await call(harness.url, '/v1/models', { headers })
  assert.equal(answer.headers['access-control-allow-origin'], undefined)
})

test('an open address without a key is refused', async () => {
  await using harness = await startHarness()
  for (const host of ['0.0.0.0', '::', '192.168.1.2']) {
    assert.throws(() => new HttpServer({ ...serverOptions(harness), host }), { code: 'NO_API_KEY' })
  }
})

test('a port in use is a clear error', async () => {
  await using harness = await startHarness()
  const port = Number(new URL(harness.url).port)
  const second = new HttpServer({ ...serverOptions(harness), host: '127.0.0.1', port })
  await assert.rejects(second.listen(), { code: 'PORT_IN_USE' })
})

test('metrics tell of tokens, queue and cards', async () => {
  await using harness = await startHarness()
  await call(harness.url, '/v1/chat/completions', { body: chat('echo a b c') })
  const { text, headers } = await call(harness.url, '/metrics')
  assert.match(headers['content-type'] ?? '', /^text\/plain/)
  for (const line of [
    'sputnik_tokens_generated_total 3',
    'sputnik_prefix_hit_tokens_total 1',
    'sputnik_ttft_seconds_count 1',
    'sputnik_tpot_seconds_count 1',
    'sputnik_e2e_seconds_count 1',
    'sputnik_queue_seconds_count 1',
    'sputnik_requests_running 0',
    'sputnik_requests_waiting 0',
    'sputnik_ready 1',
    'sputnik_card_pages{card="0"} 24',
  ]) {
    assert.ok(text.includes(`${line}\n`), line)
  }
  assert.match(text, /sputnik_event_loop_lag_seconds\{quantile="0.99"\}/)
  assert.match(text, /process_resident_memory_bytes/)
})

function serverOptions({ engine }: Harness) {
  return { engine, host: '', port: 0, apiKeys: [], modelId: 'fake', parallel: 1, log: silentLog }
}
