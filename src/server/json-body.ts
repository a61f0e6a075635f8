/**
 * Reads the JSON body of a request within its limits of size, time and depth. Knows nothing of
 * what the body means.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { reasonOf, SputnikError } from '../base/errors.js'
import { BODY_BYTES_MAX, JSON_DEPTH_MAX, REFUSED_BODY_MS } from './limits.js'

export type JsonObject = Readonly<Record<string, unknown>>

/** Throws BODY_TOO_LARGE, BAD_JSON, or CANCELLED when the client goes away. */
export async function readJsonObject(
  req: IncomingMessage,
  res: ServerResponse,
): Promise<JsonObject> {
  const bytes = await readBody(req, res)
  if (jsonDepth(bytes) > JSON_DEPTH_MAX) {
    throw new SputnikError('BAD_JSON', `the body is nested deeper than ${JSON_DEPTH_MAX} levels`)
  }
  const value = parseJson(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SputnikError('BAD_JSON', 'the body must be one JSON object')
  }
  return value as JsonObject
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new SputnikError('BAD_JSON', `the body is not valid JSON: ${reasonOf(cause)}`, {}, cause)
  }
}

async function readBody(req: IncomingMessage, res: ServerResponse): Promise<Buffer> {
  const announced = Number(req.headers['content-length'] ?? 0)
  if (announced > BODY_BYTES_MAX) refuseBody(req, res)
  if (req.headers.expect?.toLowerCase() === '100-continue') res.writeContinue()
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      size += (chunk as Buffer).length
      if (size > BODY_BYTES_MAX) refuseBody(req, res)
      chunks.push(chunk as Buffer)
    }
  } catch (error) {
    if (error instanceof SputnikError) throw error
    throw new SputnikError('CANCELLED', 'the client went away', {}, error)
  }
  return Buffer.concat(chunks, size)
}

/** The rest of the body is dropped for a moment: closing at once could lose the answer. */
function refuseBody(req: IncomingMessage, res: ServerResponse): never {
  res.setHeader('Connection', 'close')
  req.resume()
  const timer = setTimeout(() => req.destroy(), REFUSED_BODY_MS)
  req.once('close', () => clearTimeout(timer))
  throw new SputnikError('BODY_TOO_LARGE', 'the body is too large', { max: BODY_BYTES_MAX })
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Deepest nesting of `bytes`, counted before parsing so that hostile depth costs nothing. */
export function jsonDepth(bytes: Buffer): number {
  let depth = 0
  let deepest = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === QUOTE) i = stringEnd(bytes, i + 1)
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) deepest = Math.max(deepest, ++depth)
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--
  }
  return deepest
}

/** Index of the quote that ends the string whose content begins at `from`. */
function stringEnd(bytes: Buffer, from: number): number {
  let at = bytes.indexOf(QUOTE, from)
  while (at > 0 && isEscaped(bytes, at)) at = bytes.indexOf(QUOTE, at + 1)
  return at < 0 ? bytes.length : at
}

function isEscaped(bytes: Buffer, at: number): boolean {
  let backslashes = 0
  while (bytes[at - 1 - backslashes] === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}
