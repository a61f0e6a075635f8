/** A web server on loopback that serves files by ranges and misbehaves as a test asks it to. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'

export type Asked = { readonly path: string; readonly start: number; readonly end: number }

export type Answering = {
  /** Whole files by path. */
  readonly files: Map<string, Buffer>
  etag: string
  /** Takes over an answer when it returns true. */
  misbehave: (asked: Asked, response: ServerResponse, request: IncomingMessage) => boolean
  readonly asked: Asked[]
  readonly url: (path: string) => string
  /** Answers being sent, at most so far. */
  atOnceMax: number
}

export async function rangeServer(files: Record<string, Buffer>): Promise<Answering> {
  let atOnce = 0
  const server = createServer((request, response) => {
    state.atOnceMax = Math.max(state.atOnceMax, ++atOnce)
    response.once('close', () => atOnce--)
    answer(state, { request, response })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => closeAll(server))
  const { port } = server.address() as AddressInfo
  const state: Answering = {
    files: new Map(Object.entries(files)),
    etag: '"1"',
    misbehave: () => false,
    asked: [],
    url: (path) => `http://127.0.0.1:${port}${path}`,
    atOnceMax: 0,
  }
  return state
}

function closeAll(server: Server): void {
  server.close()
  server.closeAllConnections()
}

function answer(
  state: Answering,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): void {
  const path = (request.url ?? '').split('?')[0] ?? ''
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
  const file = state.files.get(path)
  const asked = { path, start: Number(first), end: Number(last) + 1 }
  state.asked.push(asked)
  if (state.misbehave(asked, response, request)) return
  if (file === undefined) {
    response.writeHead(404).end()
    return
  }
  sendRange(response, { file, ...asked, etag: state.etag })
}

export function sendRange(
  response: ServerResponse,
  { file, start, end, etag }: { file: Buffer; start: number; end: number; etag: string },
): void {
  const stop = Math.min(end, file.length)
  response.writeHead(206, {
    etag,
    'content-range': `bytes ${start}-${stop - 1}/${file.length}`,
    'content-length': stop - start,
  })
  response.end(file.subarray(start, stop))
}
