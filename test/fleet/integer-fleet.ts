/**
 * Domains without cards that compute exactly: an expert multiplies a row by its number, so sums of
 * small integers are the same in every order, and a pair that is missing or counted twice shows.
 */
import { defined } from '../../src/base/assert.js'
import type { ExpertRecord } from '../../src/base/expert.js'
import { combineBytes, readDispatch } from '../../src/fabric/dispatch.js'
import { FRAME, HEADER_BYTES, readHeader, writeHeader } from '../../src/fabric/frame.js'
import type { ReceivedFrame } from '../../src/fabric/link.js'
import type { Outgoing } from '../../src/fleet/dispatcher.js'
import type { RouterChoice } from '../../src/fleet/partition.js'
import type { RegionCall } from '../../src/fleet/region-call.js'
import { allocateNative, type NativeBuffer } from '../../src/native/memory.js'

export const WIDTH = 4

export function recordOf(nExpert: number, nUsed: number): ExpertRecord {
  return {
    layer: 0,
    group: '',
    nEmbd: WIDTH,
    nOut: WIDTH,
    nFf: WIDTH,
    nExpert,
    nUsed,
    projections: [],
    activation: [],
    weights: 'after',
  }
}

/** What an expert makes of a number; no two sets of four experts give the same sum. */
function factorOf(expert: number): number {
  return 5 ** (expert % 6) + Math.floor(expert / 6)
}

export type IntegerCall = RegionCall & { readonly outputs: Float32Array }

export function callOf(choice: RouterChoice, nExpert: number): IntegerCall {
  const { tokens, nUsed } = choice
  const input = allocateNative(4 * WIDTH * tokens)
  const output = allocateNative(4 * WIDTH * tokens)
  for (let i = 0; i < tokens * WIDTH; i++) input.f32[i] = 1 + (i % 3)
  return {
    region: 0,
    record: recordOf(nExpert, nUsed),
    choice,
    input: input.address,
    output: output.address,
    outputs: output.f32.subarray(0, tokens * WIDTH),
  }
}

/** The slow twin. */
export function expected({ choice }: RegionCall): Float32Array {
  const { tokens, nUsed, experts, weights } = choice
  const sums = new Float32Array(tokens * WIDTH)
  for (let token = 0; token < tokens; token++) {
    for (let pair = token * nUsed; pair < (token + 1) * nUsed; pair++) {
      const expert = experts[pair] ?? -1
      if (expert < 0) continue
      for (let i = 0; i < WIDTH; i++) {
        const at = token * WIDTH + i
        sums[at] = (sums[at] ?? 0) + (weights[pair] ?? 0) * factorOf(expert) * (1 + (at % 3))
      }
    }
  }
  return sums
}

/** The answer of a domain to what it was sent. */
export function answerTo(call: RegionCall, { bytes, write }: Outgoing): ReceivedFrame {
  const frame = allocateNative(bytes)
  write(frame)
  const header = readHeader(frame.view)
  const dispatch = readDispatch(frame, { bytes, header, bounds: call.record })
  const rows = dispatch.isSummed ? dispatch.tokens : dispatch.pairs
  const replyBytes = combineBytes(rows, 4 * WIDTH)
  const reply = allocateNative(replyBytes)
  writeHeader(reply.view, {
    ...header,
    kind: FRAME.combine,
    payloadBytes: replyBytes - HEADER_BYTES,
    encoding: 0,
  })
  fillRows(reply, dispatch)
  return { buffer: reply, bytes: replyBytes }
}

function fillRows(reply: NativeBuffer, dispatch: ReturnType<typeof readDispatch>): void {
  const { frame, tokens, counts, experts, weights, rows, isSummed } = dispatch
  const target = HEADER_BYTES >> 2
  let pair = 0
  for (let token = 0; token < tokens; token++) {
    const count = defined(frame.u16[counts + token], 'a count')
    for (let end = pair + count; pair < end; pair++) {
      const scale = (frame.f32[weights + pair] ?? 0) * factorOf(frame.u16[experts + pair] ?? 0)
      const row = target + (isSummed ? token : pair) * WIDTH
      for (let i = 0; i < WIDTH; i++) {
        const x = frame.f32[(rows >> 2) + token * WIDTH + i] ?? 0
        reply.f32[row + i] = (reply.f32[row + i] ?? 0) + scale * x
      }
    }
  }
}
