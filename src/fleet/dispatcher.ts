/**
 * Computes one region of one step on the fleet: splits the tokens by domain, sends each domain one
 * copy of the tokens it needs, adds the sums in the order of domain ids, or on demand the experts'
 * own rows in the order of the router, which no placement changes. A lost domain is recovered
 * and asked again; experts keep no state, so asking twice changes nothing.
 */
import { assert } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import { readFailure } from '../fabric/control.js'
import {
  combineBytes,
  type DispatchLayout,
  dispatchLayout,
  encodingByte,
  type WireFormat,
} from '../fabric/dispatch.js'
import {
  decodeRows,
  encodedRowBytes,
  encodeRows,
  encodingId,
  type Rows,
} from '../fabric/encoding.js'
import { FRAME, FRAME_TOKENS_MAX, HEADER_BYTES, readHeader, writeHeader } from '../fabric/frame.js'
import type { Link, ReceivedFrame } from '../fabric/link.js'
import { copyNative } from '../native/libc.js'
import { allocateNative, type NativeBuffer, type Pointer } from '../native/memory.js'
import { Partition, type RouterChoice, type Share } from './partition.js'

/** What the dispatcher needs of a domain. */
export type Domain = {
  readonly id: number
  readonly link: Link | undefined
  expertCalls: number
  /** Makes the domain usable again; throws when it cannot. */
  restart(): void
}

export type RegionCall = {
  /** Number of the region, the same at both ends. */
  readonly region: number
  readonly record: ExpertRecord
  readonly choice: RouterChoice
  /** f32 rows [nEmbd, tokens], contiguous. */
  readonly input: Pointer
  /** f32 rows [nOut, tokens], contiguous; where the sums go. */
  readonly output: Pointer
  /** Domain of each expert. */
  readonly holders: Uint16Array
}

export type DispatcherOptions = {
  readonly domains: readonly Domain[]
  readonly format: WireFormat
  /** Longest wait for one combine. */
  readonly timeoutMs: number
  readonly onLost: (domain: Domain, attempt: number, reason: string) => void
}

const ATTEMPTS_MAX = 3
const FLOAT_BYTES = 4

type Asked = { readonly domain: Domain; readonly index: number; readonly share: Share }

export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #partition: Partition
  #rows: NativeBuffer = allocateNative(1 << 14)
  #sums: NativeBuffer = allocateNative(1 << 14)
  /** Domains that were asked and have not answered yet; empty between steps unless one failed. */
  readonly #owing = new Set<Domain>()
  #step = 0
  /** Time the domains spent on computing, as they report it, in microseconds. */
  computeUs = 0

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#partition = new Partition(options.domains.length)
  }

  /** @throws SputnikError CARD_LOST, or the error a card reported */
  compute(call: RegionCall): void {
    assert(call.choice.tokens <= FRAME_TOKENS_MAX, 'more tokens than a frame can count')
    this.#step = (this.#step + 1) >>> 0
    const shares = this.#partition.split(call.choice, call.holders)
    const asked: Asked[] = []
    this.#options.domains.forEach((domain, index) => {
      const share = shares[index]
      if (share === undefined || share.tokenCount === 0) return
      this.#settle(domain)
      // A failure shows when the answer is waited for.
      const one = { domain, index, share }
      this.#ask(call, one, 0)
      domain.expertCalls += share.pairCount
      asked.push(one)
    })
    this.#combine(call, asked)
  }

  /**
   * Takes the answer to a step that failed elsewhere, which must not pass for the next one, and
   * whose dispatch must not be overwritten while it is read.
   */
  #settle(domain: Domain): void {
    if (!this.#owing.has(domain)) return
    if (domain.link?.receive(this.#options.timeoutMs) === undefined) domain.restart()
    this.#owing.delete(domain)
  }

  /** Sends a domain its share; false when it is gone. */
  #ask(call: RegionCall, { domain, share }: Asked, attempt: number): boolean {
    const { link } = domain
    if (link === undefined) return false
    this.#owing.add(domain)
    const { format } = this.#options
    const rowBytes = encodedRowBytes(format.dispatch, call.record.nEmbd)
    const size = { tokens: share.tokenCount, pairs: share.pairCount, rowBytes }
    const layout = dispatchLayout(size)
    const frame = link.frame(layout.bytes)
    writeHeader(frame.view, {
      payloadBytes: layout.bytes - HEADER_BYTES,
      kind: FRAME.dispatch,
      encoding: encodingByte(format),
      region: call.region,
      step: this.#step,
      attempt,
      tokens: share.tokenCount,
      computeUs: 0,
    })
    writePairs(frame, { layout, share })
    this.#encodeTokens(call, { share, target: frame.address + BigInt(layout.rows), rowBytes })
    return link.send(frame, layout.bytes)
  }

  /** Rows that lie side by side are encoded in one call. */
  #encodeTokens(
    call: RegionCall,
    { share, target, rowBytes }: { share: Share; target: Pointer; rowBytes: number },
  ): void {
    const width = call.record.nEmbd
    const encoding = this.#options.format.dispatch
    for (let start = 0; start < share.tokenCount; ) {
      const first = share.tokens[start] ?? 0
      let end = start + 1
      while (end < share.tokenCount && share.tokens[end] === first + end - start) end++
      const address = call.input + BigInt(first * width * FLOAT_BYTES)
      const rows = { address, count: end - start, width }
      encodeRows(encoding, rows, target + BigInt(start * rowBytes))
      start = end
    }
  }

  #combine(call: RegionCall, asked: readonly Asked[]): void {
    if (this.#options.format.isSummed) this.#combineSums(call, asked)
    else this.#combineRows(call, asked)
  }

  /** Gathers the rows of all pairs and adds those of a token as plain libllama does. */
  #combineRows(call: RegionCall, asked: readonly Asked[]): void {
    const { tokens, nUsed } = call.choice
    const width = call.record.nOut
    this.#rows = grown(this.#rows, tokens * nUsed * width * FLOAT_BYTES)
    this.#sums = grown(this.#sums, tokens * width * FLOAT_BYTES)
    const next = new Uint32Array(this.#options.domains.length)
    let row = 0
    for (const one of asked) {
      const address = this.#rows.address + BigInt(row * width * FLOAT_BYTES)
      this.#decode(this.#answer(one, call), { address, count: one.share.pairCount, width })
      next[one.index] = row
      row += one.share.pairCount
    }
    addInRouterOrder(call, { rows: this.#rows.f32, sums: this.#sums.f32, next })
    copyNative(call.output, this.#sums.address, tokens * width * FLOAT_BYTES)
  }

  /** One whole answer is the result; several are added up in the order of domain ids. */
  #combineSums(call: RegionCall, asked: readonly Asked[]): void {
    const { tokens } = call.choice
    const width = call.record.nOut
    const [first] = asked
    if (asked.length === 1 && first?.share.tokenCount === tokens) {
      this.#decode(this.#answer(first, call), { address: call.output, count: tokens, width })
      return
    }
    const bytes = tokens * width * FLOAT_BYTES
    this.#sums = grown(this.#sums, bytes)
    this.#sums.f32.fill(0, 0, tokens * width)
    for (const one of asked) this.#add(one.share, { frame: this.#answer(one, call), width })
    copyNative(call.output, this.#sums.address, bytes)
  }

  /** The combine of a domain, recovering it as often as is sensible. */
  #answer(asked: Asked, call: RegionCall): ReceivedFrame {
    let reason = ''
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { domain } = asked
      if (attempt > 0 && !this.#recover(call, { asked, attempt, reason })) continue
      const received = domain.link?.receive(this.#options.timeoutMs)
      if (received === undefined) {
        reason = 'it ended or did not answer in time'
        continue
      }
      const problem = this.#check(received, { asked, call })
      if (problem === undefined) {
        this.#owing.delete(domain)
        return received
      }
      reason = problem
    }
    throw new SputnikError('CARD_LOST', `card ${asked.domain.id} is lost: ${reason}`)
  }

  #recover(
    call: RegionCall,
    { asked, attempt, reason }: { asked: Asked; attempt: number; reason: string },
  ): boolean {
    const { domain } = asked
    this.#options.onLost(domain, attempt, reason)
    try {
      domain.restart()
    } catch (error) {
      if (attempt + 1 < ATTEMPTS_MAX) return false
      throw error
    }
    return this.#ask(call, asked, attempt)
  }

  /** What is wrong with an answer; a card's own report of an error is final. */
  #check(
    received: ReceivedFrame,
    { asked, call }: { asked: Asked; call: RegionCall },
  ): string | undefined {
    const header = readHeader(received.buffer.view)
    if (header.kind === FRAME.failed) {
      this.#owing.delete(asked.domain)
      throw readFailure(received.buffer.bytes.subarray(0, received.bytes), asked.domain.id)
    }
    const { combine: encoding, isSummed } = this.#options.format
    const rowBytes = encodedRowBytes(encoding, call.record.nOut)
    const rows = isSummed ? asked.share.tokenCount : asked.share.pairCount
    const isExpected =
      header.kind === FRAME.combine &&
      header.step === this.#step &&
      header.region === call.region &&
      header.encoding === encodingId(encoding) &&
      received.bytes === combineBytes(rows, rowBytes)
    this.computeUs += header.computeUs
    return isExpected ? undefined : 'it answered something else'
  }

  #decode(frame: ReceivedFrame, rows: Rows): void {
    decodeRows(this.#options.format.combine, frame.buffer.address + BigInt(HEADER_BYTES), rows)
  }

  #add(share: Share, { frame, width }: { frame: ReceivedFrame; width: number }): void {
    const count = share.tokenCount
    this.#rows = grown(this.#rows, count * width * FLOAT_BYTES)
    this.#decode(frame, { address: this.#rows.address, count, width })
    const sums = this.#sums.f32
    const rows = this.#rows.f32
    for (let at = 0; at < count; at++) {
      const target = (share.tokens[at] ?? 0) * width
      addRow(sums, { target, rows, source: at * width, width })
    }
  }
}

function grown(buffer: NativeBuffer, bytes: number): NativeBuffer {
  return buffer.bytes.length >= bytes ? buffer : allocateNative(bytes + (bytes >> 2))
}

function writePairs(
  { u16, f32 }: NativeBuffer,
  { layout, share }: { layout: DispatchLayout; share: Share },
): void {
  const counts = layout.counts >> 1
  const experts = layout.experts >> 1
  const weights = layout.weights >> 2
  for (let token = 0; token < share.tokenCount; token++) {
    u16[counts + token] = share.counts[token] ?? 0
  }
  for (let pair = 0; pair < share.pairCount; pair++) {
    u16[experts + pair] = share.experts[pair] ?? 0
    f32[weights + pair] = share.weights[pair] ?? 0
  }
}

/**
 * Adds the rows of each token's experts. The rows of a domain lie in the order of the router, so
 * `next` counts through them: the first row of each domain at the beginning.
 */
function addInRouterOrder(
  { choice, holders, record }: RegionCall,
  { rows, sums, next }: { rows: Float32Array; sums: Float32Array; next: Uint32Array },
): void {
  const width = record.nOut
  for (let token = 0; token < choice.tokens; token++) {
    const target = token * width
    for (let slot = 0; slot < choice.nUsed; slot++) {
      const domain = holders[choice.experts[token * choice.nUsed + slot] ?? 0] ?? 0
      const row = next[domain] ?? 0
      next[domain] = row + 1
      const source = row * width
      if (slot === 0) sums.set(rows.subarray(source, source + width), target)
      else addRow(sums, { target, rows, source, width })
    }
  }
}

function addRow(
  sums: Float32Array,
  from: { target: number; rows: Float32Array; source: number; width: number },
): void {
  const { target, rows, source, width } = from
  for (let i = 0; i < width; i++) {
    sums[target + i] = (sums[target + i] ?? 0) + (rows[source + i] ?? 0)
  }
}
