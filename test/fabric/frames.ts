/** Frames with random contents, and polling several links of one thread until one has a frame. */
import assert from 'node:assert/strict'
import { Prng } from '../../src/base/prng.js'
import { HEADER_BYTES, writeHeader } from '../../src/fabric/frame.js'
import type { Link, ReceivedFrame } from '../../src/fabric/link.js'
import { allocateCollected, type NativeBuffer } from '../../src/native/memory.js'

const LONG_MS = 20_000

export type FrameFields = {
  readonly bytes: number
  readonly step?: number
  readonly attempt?: number
  readonly seed?: number
}

export function frameOf(
  kind: number,
  { bytes, step = 0, attempt = 0, seed = bytes }: FrameFields,
): NativeBuffer {
  const frame = allocateCollected(bytes)
  const random = Prng.fromSeed(seed)
  for (let at = HEADER_BYTES; at < bytes; at++) frame.bytes[at] = random.nextBelow(256)
  const rest = { encoding: 0, region: 0, tokens: 0, computeUs: 0 }
  writeHeader(frame.view, { ...rest, payloadBytes: bytes - HEADER_BYTES, kind, step, attempt })
  return frame
}

/** The next frame of `link`, while `others` are polled as well and must have none. */
export function nextFrame(link: Link, others: readonly Link[] = []): ReceivedFrame {
  const endMs = performance.now() + LONG_MS
  while (performance.now() < endMs) {
    for (const other of others) assert.equal(other.poll(), undefined)
    const frame = link.poll()
    assert.notEqual(frame, 'gone')
    if (frame !== undefined && frame !== 'gone') return frame
  }
  return assert.fail('no frame came')
}

export function sameBytes(got: ReceivedFrame, wanted: NativeBuffer): void {
  const bytes = Buffer.from(got.buffer.bytes.subarray(0, got.bytes))
  assert.ok(bytes.equals(wanted.bytes), `${got.bytes} bytes differ from ${wanted.bytes.length}`)
}
