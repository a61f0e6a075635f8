/**
 * What is asked and answered on a pages connection, as frames in plain memory: ranges of pages and
 * of the manifest, who else has pages, which pages are here. Knows nothing of sockets and of where
 * pages lie.
 *
 * The header's step numbers a request and its answer. Ranges are u32 numbers, little endian; lists
 * are JSON.
 */
import { z } from 'zod'
import { SputnikError } from '../base/errors.js'
import type { PageAt } from './control.js'
import { frameHeader } from './frame.js'
import { encodeFrame, type Frame } from './frame-stream.js'
import { PIN } from './identity.js'

/** Beyond the kinds that a card knows and that of handshakes. */
export const PAGE_FRAME = {
  manifest: 40,
  page: 41,
  peers: 42,
  holdings: 43,
  announce: 44,
  /** Answers. */
  bytes: 45,
  refused: 46,
} as const

/** Most bytes of one range: small, so that what shares the link or the thread never waits long. */
export const RANGE_BYTES_MAX = 1 << 20
/** Most requests of one connection that wait for their answers. */
export const REQUESTS_MAX = 64
/** Most payload bytes of a request. */
export const REQUEST_BYTES_MAX = 4096
/** Most payload bytes of an answer: a range, or one of the lists below. */
export const ANSWER_BYTES_MAX = RANGE_BYTES_MAX
/** Most nodes that a head names. */
export const PEERS_MAX = 1024

const OFFSET_MAX = 2 ** 30
const REGIONS_MAX = 8192
const EXPERTS_MAX = 1024
const ADDRESSES_MAX = 8
const U32_BYTES = 4

export type Range = { readonly offset: number; readonly length: number }

export type PageRequest = { readonly id: number } & (
  | { readonly kind: 'manifest'; readonly range: Range }
  | { readonly kind: 'page'; readonly page: PageAt; readonly range: Range }
  /** Who else has pages, as JSON. */
  | { readonly kind: 'peers' }
  /** A bit for each page, see `hasBit`; region by region, expert by expert. */
  | { readonly kind: 'holdings' }
  /** The asker serves pages itself. */
  | { readonly kind: 'announce'; readonly place: PagePlace }
)

const address = z.string().regex(/^[0-9A-Za-z.:%_-]{1,64}$/)

const placeSchema = z.object({
  port: z.int().min(1).max(0xffff),
  /** As far as the node knows them itself. */
  addresses: z.array(address).max(ADDRESSES_MAX),
})

const peerSchema = placeSchema.extend({
  pin: z.string().regex(PIN),
  /** 0 for a node that wants pages and serves none. */
  port: z.int().min(0).max(0xffff),
})
const peersSchema = z.object({ peers: z.array(peerSchema).max(PEERS_MAX) })

const refusedSchema = z.object({ message: z.string().max(1024) })

/** Where a node serves pages. */
export type PagePlace = Readonly<z.infer<typeof placeSchema>>
/** A node that has a pages connection to the head; its id follows from its pin. */
export type PagePeer = Readonly<z.infer<typeof peerSchema>>

export function encodeRequest(request: PageRequest): Uint8Array {
  switch (request.kind) {
    case 'manifest': {
      const { offset, length } = request.range
      return numbersFrame(PAGE_FRAME.manifest, { id: request.id, numbers: [offset, length] })
    }
    case 'page': {
      const { page, range } = request
      const numbers = [page.region, page.expert, range.offset, range.length]
      return numbersFrame(PAGE_FRAME.page, { id: request.id, numbers })
    }
    case 'announce':
      return jsonFrame(PAGE_FRAME.announce, { id: request.id, message: request.place })
    default:
      return numbersFrame(PAGE_FRAME[request.kind], { id: request.id, numbers: [] })
  }
}

/** @throws SputnikError FRAME_INVALID */
export function decodeRequest({ header, payload }: Frame): PageRequest {
  const id = header.step
  switch (header.kind) {
    case PAGE_FRAME.manifest:
      return { kind: 'manifest', id, range: checkRange(readNumbers(payload, 2)) }
    case PAGE_FRAME.page: {
      const [region = 0, expert = 0, ...range] = readNumbers(payload, 4)
      if (region >= REGIONS_MAX || expert >= EXPERTS_MAX) throw invalid('a page beyond all limits')
      return { kind: 'page', id, page: { region, expert }, range: checkRange(range) }
    }
    case PAGE_FRAME.announce:
      return { kind: 'announce', id, place: readJson(payload, placeSchema) }
    case PAGE_FRAME.peers:
    case PAGE_FRAME.holdings:
      readNumbers(payload, 0)
      return { kind: header.kind === PAGE_FRAME.peers ? 'peers' : 'holdings', id }
    default:
      throw invalid(`a frame of kind ${header.kind} asks for nothing`)
  }
}

export function encodeRefusal(id: number, message: string): Uint8Array {
  return jsonFrame(PAGE_FRAME.refused, { id, message: { message: message.slice(0, 1024) } })
}

/** @throws SputnikError FRAME_INVALID */
export function decodeRefusal({ payload }: Frame): string {
  return readJson(payload, refusedSchema).message.replace(/\p{Cc}/gu, ' ')
}

export function encodePeers(peers: readonly PagePeer[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ peers }))
}

/** @throws SputnikError FRAME_INVALID */
export function decodePeers(bytes: Uint8Array): readonly PagePeer[] {
  return readJson(bytes, peersSchema).peers
}

export function emptyBits(count: number): Uint8Array {
  return new Uint8Array(Math.ceil(count / 8))
}

export function hasBit(bits: Uint8Array, index: number): boolean {
  return (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
}

export function setBit(bits: Uint8Array, index: number): void {
  bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7))
}

function checkRange([offset = 0, length = 0]: readonly number[]): Range {
  const isRight = offset <= OFFSET_MAX && length >= 1 && length <= RANGE_BYTES_MAX
  if (!isRight) throw invalid(`a range of ${length} bytes from ${offset} on`)
  return { offset, length }
}

function numbersFrame(
  kind: number,
  { id, numbers }: { id: number; numbers: readonly number[] },
): Uint8Array {
  const payload = new Uint8Array(numbers.length * U32_BYTES)
  const view = new DataView(payload.buffer)
  numbers.forEach((number, index) => {
    view.setUint32(index * U32_BYTES, number, true)
  })
  return encodeFrame(frameHeader(kind, { payloadBytes: payload.length, step: id }), payload)
}

function readNumbers(payload: Uint8Array, count: number): number[] {
  if (payload.length !== count * U32_BYTES) throw invalid(`${payload.length} bytes of numbers`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  return Array.from({ length: count }, (_, index) => view.getUint32(index * U32_BYTES, true))
}

function jsonFrame(kind: number, { id, message }: { id: number; message: unknown }): Uint8Array {
  const payload = new TextEncoder().encode(JSON.stringify(message))
  return encodeFrame(frameHeader(kind, { payloadBytes: payload.length, step: id }), payload)
}

function readJson<T>(payload: Uint8Array, schema: z.ZodType<T>): T {
  const result = schema.safeParse(parseJson(payload))
  if (result.success) return result.data
  throw invalid(result.error.issues[0]?.path.join('.') || 'the whole')
}

function parseJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (cause) {
    throw new SputnikError('FRAME_INVALID', 'a message about pages is not JSON', {}, cause)
  }
}

function invalid(what: string): SputnikError {
  return new SputnikError('FRAME_INVALID', `a message about pages is wrong: ${what}`)
}
