import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { basename } from 'node:path'
import { test } from 'node:test'
import { defined } from '../../../src/base/assert.js'
import { openGguf } from '../../../src/gguf/reader.js'
import type { PageRef } from '../../../src/pages/manifest.js'
import { HttpSource, type HttpSourceOptions } from '../../../src/pages/sources/http.js'
import { testModel } from '../../support/models.js'
import { scratchDirectory } from '../../support/scratch.js'
import { type Answering, rangeServer, sendRange } from '../range-server.js'
import { allPages, fetchAll, fetcherOf, hashed, never, pageBytes } from '../support.js'

const path = testModel('gpt-oss')
const file = readFileSync(path)
const manifest = await hashed(path)
const pages = allPages(manifest)
const [somePage] = pages
const page = defined(somePage, 'a page')
const scratch = scratchDirectory()
const QUICK = { backoffMs: 1, idleMs: 3000, scratch }

function start(): Promise<Answering> {
  return rangeServer({ '/model.gguf': file })
}

function openSource(server: Answering, options: Partial<HttpSourceOptions> = {}) {
  return HttpSource.open(server.url('/model.gguf'), { manifest, ...QUICK, ...options })
}

function checkPage(of: PageRef, bytes: Uint8Array): void {
  assert.deepEqual(Buffer.from(bytes), pageBytes(path, of))
}

test('HttpSource fetches pages by few ranges and never the whole file', async () => {
  const server = await start()
  const source = await openSource(server, { parallel: 3 })
  const { dataOffset } = defined(openGguf(path).files[0], 'a file')
  assert.ok(server.asked.every(({ end }) => end <= Math.max(dataOffset * 4, 1 << 20)))
  server.asked.length = 0
  const wanted = pages.filter(({ region }) => region === 0)
  let bytes = 0
  const onPage = (of: PageRef, content: Uint8Array): void => {
    checkPage(of, content)
    bytes += content.length
  }
  assert.deepEqual(await fetchAll(fetcherOf([source]), wanted, { onPage }), [])
  assert.equal(wanted.length, 8)
  const tensors = manifest.regions[0]?.tensors.length ?? 0
  assert.ok(server.asked.length < (8 * tensors) / 2, `${server.asked.length} ranges`)
  const asked = server.asked.reduce((sum, { start: from, end }) => sum + end - from, 0)
  assert.ok(asked >= bytes && asked < bytes * 1.05)
  assert.ok(server.atOnceMax <= 3)
  assert.deepEqual(readdirSync(scratch), [])
  source.close()
})

test('HttpSource reads split models from the address of the first file', async () => {
  const first = testModel('gpt-oss', { splits: 3 })
  const folder = first.slice(0, -basename(first).length)
  const files = readdirSync(folder).map((name) => [`/m/${name}`, readFileSync(folder + name)])
  const server = await rangeServer(Object.fromEntries(files))
  const url = `${server.url(`/m/${basename(first)}`)}?download=true`
  const source = await HttpSource.open(url, { manifest, ...QUICK })
  assert.deepEqual(await fetchAll(fetcherOf([source]), pages, { onPage: checkPage }), [])
  source.close()
})

/** Sends half of a range and breaks the connection. */
function breakOff(response: ServerResponse, { from, to }: { from: number; to: number }): void {
  const etag = '"1"'
  response.writeHead(206, {
    etag,
    'content-range': `bytes ${from}-${to - 1}/${file.length}`,
    'content-length': to - from,
  })
  response.write(file.subarray(from, from + Math.ceil((to - from) / 2)), () => response.destroy())
}

test('HttpSource goes on where a broken connection stopped', async () => {
  const server = await start()
  const source = await openSource(server)
  let broken = 0
  server.asked.length = 0
  server.misbehave = ({ start: from, end }, response) => {
    if (end - from < 1000) return false
    broken++
    breakOff(response, { from, to: end })
    return true
  }
  const bytes = await source.read(page, never)
  checkPage(page, bytes)
  assert.ok(broken >= 3)
  const asked = server.asked.map(({ start: from }) => from)
  // What had come and nobody had read yet when a connection broke is asked for once more.
  const places = new Set(asked).size
  assert.ok(places > asked.length / 2, `${asked.length} ranges began at ${places} places`)
  source.close()
})

test('HttpSource tries again what may pass and gives up in the end', async () => {
  const server = await start()
  const source = await openSource(server)
  let failures = 3
  server.misbehave = (_, response) => {
    if (failures-- <= 0) return false
    if (failures % 2 === 0) response.writeHead(503).end()
    else response.destroy()
    return true
  }
  checkPage(page, await source.read(page, never))
  failures = Number.POSITIVE_INFINITY
  server.asked.length = 0
  await assert.rejects(source.read(page, never), {
    code: 'SOURCE_FAILED',
    message: /status 503|hang up/,
  })
  assert.ok(server.asked.length <= 5 * 9)
  source.close()
})

type Head = { status: number; headers: Record<string, string | number> }

const refusals: Record<string, [head: (from: number, to: number) => Head, message: RegExp]> = {
  'ignores ranges': [() => ({ status: 200, headers: {} }), /ignores range requests/],
  'does not have the file': [() => ({ status: 404, headers: {} }), /status 404/],
  'wants a password': [() => ({ status: 401, headers: {} }), /status 401/],
  'answers another range': [
    (from, to) => ({
      status: 206,
      headers: { 'content-range': `bytes ${from + 1}-${to}/${file.length}` },
    }),
    /it sends "bytes/,
  ],
  'states no range': [() => ({ status: 206, headers: {} }), /it sends ""/],
  'states a file that ends before the range': [
    (from, to) => ({
      status: 206,
      headers: { 'content-range': `bytes ${from}-${to - 1}/${from}` },
    }),
    /it sends "bytes/,
  ],
  'compresses ranges': [
    (from, to) => ({
      status: 206,
      headers: {
        'content-range': `bytes ${from}-${to - 1}/${file.length}`,
        'content-encoding': 'gzip',
      },
    }),
    /encodes ranges with gzip/,
  ],
  'redirects for ever': [() => ({ status: 302, headers: { location: '/again' } }), /5 redirects/],
  'redirects to a file': [
    () => ({ status: 302, headers: { location: 'file:///etc/passwd' } }),
    /redirects to file:/,
  ],
  'redirects to nowhere': [() => ({ status: 307, headers: {} }), /redirects to nowhere/],
}

for (const [what, [head, message]] of Object.entries(refusals)) {
  test(`HttpSource fails at once when the server ${what}`, async () => {
    const server = await start()
    server.misbehave = ({ start: from, end }, response) => {
      const { status, headers } = head(from, end)
      response.writeHead(status, headers).end('x')
      return true
    }
    await assert.rejects(openSource(server), { code: 'SOURCE_FAILED', message })
    assert.ok(server.asked.length <= 6)
  })
}

test('HttpSource follows redirects and keeps its headers from other hosts', async () => {
  const other = await start()
  const server = await start()
  const seen: (string | undefined)[] = []
  server.misbehave = (_, response, request) => {
    assert.equal(request.headers.authorization, 'Bearer secret')
    response.writeHead(302, { location: other.url('/model.gguf') }).end()
    return true
  }
  other.misbehave = (_, __, request) => {
    seen.push(request.headers.authorization)
    return false
  }
  const source = await openSource(server, { headers: { authorization: 'Bearer secret' } })
  checkPage(page, await source.read(page, never))
  assert.ok(seen.length > 0 && seen.every((value) => value === undefined))
  source.close()
})

test('HttpSource notices that the file was replaced under way', async () => {
  const server = await start()
  const source = await openSource(server)
  server.etag = '"2"'
  await assert.rejects(source.read(page, never), { code: 'SOURCE_FAILED', message: /changed/ })
  server.etag = '"1"'
  server.files.set('/model.gguf', Buffer.concat([file, Buffer.alloc(1)]))
  await assert.rejects(source.read(page, never), { code: 'SOURCE_FAILED', message: /changed/ })
  server.misbehave = (_, response) => response.writeHead(416).end() !== undefined
  await assert.rejects(source.read(page, never), { code: 'SOURCE_FAILED', message: /changed/ })
  source.close()
})

test('HttpSource refuses a part of a range that does not begin where it was asked to', async () => {
  const server = await start()
  const source = await openSource(server)
  server.misbehave = ({ start: from, end }, response) => {
    sendRange(response, { file, start: from + 1, end, etag: '"1"' })
    return true
  }
  await assert.rejects(source.read(page, never), { code: 'SOURCE_FAILED', message: /it sends/ })
  source.close()
})

test('HttpSource gives up a server that is silent and one that is too slow', async () => {
  const server = await start()
  const silent = await openSource(server, { idleMs: 300 })
  server.misbehave = () => true
  await assert.rejects(silent.read(page, never), {
    code: 'SOURCE_FAILED',
    message: /silent for 300/,
  })
  silent.close()
  server.misbehave = () => false
  const slow = await openSource(server, { deadlineMs: 1000 })
  server.misbehave = ({ start: from, end }, response) => {
    response.writeHead(206, {
      etag: '"1"',
      'content-range': `bytes ${from}-${end - 1}/${file.length}`,
      'content-length': end - from,
    })
    const drip = setInterval(() => response.write(Buffer.alloc(1)), 10)
    response.once('close', () => clearInterval(drip))
    return true
  }
  await assert.rejects(slow.read(page, never), { code: 'SOURCE_FAILED', message: /did not finish/ })
  slow.close()
})

test('HttpSource stops when told, also when it only waits', async () => {
  const server = await start()
  const source = await openSource(server, { parallel: 1 })
  const stop = new AbortController()
  const reason = new Error('enough')
  server.misbehave = () => {
    setImmediate(() => stop.abort(reason))
    return true
  }
  const reads = pages.slice(0, 4).map((of) => source.read(of, stop.signal))
  for (const read of await Promise.allSettled(reads)) {
    assert.equal(read.status === 'rejected' && read.reason, reason)
  }
  server.misbehave = () => false
  checkPage(page, await source.read(page, never))
  source.close()
})

test('HttpSource refuses other models, other files and other addresses', async () => {
  const other = readFileSync(testModel('qwen3moe'))
  const html = Buffer.from(`<html>${'x'.repeat(4 << 20)}`)
  const server = await rangeServer({
    '/other.gguf': other,
    '/page.gguf': html,
    '/cut.gguf': file.subarray(0, file.length - 1000),
  })
  const open = (url: string) => HttpSource.open(url, { manifest, ...QUICK })
  const failed = (message: RegExp) => ({ code: 'SOURCE_FAILED', message })
  await assert.rejects(open(server.url('/other.gguf')), failed(/another model/))
  server.asked.length = 0
  await assert.rejects(open(server.url('/page.gguf')), failed(/not a GGUF file/))
  assert.ok(server.asked.every(({ end }) => end <= 1 << 20))
  await assert.rejects(open(server.url('/cut.gguf')), failed(/ends beyond the file/))
  await assert.rejects(open('ftp://127.0.0.1/x.gguf'), failed(/only http/))
  await assert.rejects(open('model.gguf'), failed(/no address/))
  await assert.rejects(open(server.url('/x-00001-of-99999.gguf')), failed(/99999 split files/))
  assert.deepEqual(readdirSync(scratch), [])
})

test('HttpSource of a server that corrupts bytes does no harm', async () => {
  const server = await start()
  const good = await rangeServer({ '/model.gguf': file })
  const source = await openSource(server)
  const backup = await openSource(good)
  const spoiled = Buffer.from(file)
  server.misbehave = ({ start: from, end }, response) => {
    spoiled.fill(0xaa, from, from + 1)
    sendRange(response, { file: spoiled, start: from, end, etag: '"1"' })
    return true
  }
  const fetcher = fetcherOf([source, backup])
  assert.deepEqual(await fetchAll(fetcher, pages, { onPage: checkPage }), [])
  const [bad] = fetcher.counts
  assert.ok((bad?.badPages ?? 0) >= 1)
  source.close()
  backup.close()
})
