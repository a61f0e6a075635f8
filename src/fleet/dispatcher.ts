/**
 * Computes one region of one step on the fleet: splits the tokens by domain, sends each domain one
 * copy of the tokens it needs, adds the sums in the order of domain ids, or on demand the experts'
 * own rows in the order of the router, which no placement changes. What a lost domain owed is split
 * anew among those that can do it; experts keep no state, so asking twice changes nothing.
 */
import { assert } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import { readFailure } from '../fabric/control.js'
import { combineBytes, dispatchLayout, encodingByte, type WireFormat } from '../fabric/dispatch.js'
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
import {
  type Answered,
  addInRouterOrder,
  addRow,
  copyOf,
  tokenAt,
  type Work,
  workOf,
  writePairs,
} from './shares.js'

/** What the dispatcher needs of a domain. */
export type Domain = {
  readonly id: number
  readonly link: Link | undefined
  expertCalls: number
}

export type RegionCall = {
  /** Number of the region, the same at all ends. */
  readonly region: number
  readonly record: ExpertRecord
  readonly choice: RouterChoice
  /** f32 rows [nEmbd, tokens], contiguous. */
  readonly input: Pointer
  /** f32 rows [nOut, tokens], contiguous; where the sums go. */
  readonly output: Pointer
}

export type DispatcherOptions = {
  /** By id; grows as domains join. */
  readonly domains: readonly (Domain | undefined)[]
  readonly format: WireFormat
  /** Longest wait for one combine. */
  readonly timeoutMs: number
  /** The domain of each pair. @throws SputnikError when an expert has none */
  readonly choose: (choice: RouterChoice, region: number) => Uint16Array
  /**
   * A domain is gone or does not answer. Afterwards `choose` names domains that can be asked.
   * @throws SputnikError when there are none
   */
  readonly onLost: (domain: Domain, attempt: number, reason: string) => void
}

const ATTEMPTS_MAX = 3
const FLOAT_BYTES = 4

type Asked = { readonly domain: Domain; readonly share: Share }

type Lost = Asked & { readonly reason: string }

export class Dispatcher {
  readonly #options: DispatcherOptions
  #partition = new Partition(1)
  #partitionSize = 1
  #rows: NativeBuffer = allocateNative(1 << 14)
  /** Sums of the tokens, or the rows of all pairs and then the sums. */
  #sums: NativeBuffer = allocateNative(1 << 14)
  #pairRows: NativeBuffer = allocateNative(64)
  /** Domains that were asked and have not answered yet; empty between steps unless one failed. */
  readonly #owing = new Set<Domain>()
  #step = 0
  /** Time the domains spent on computing, as they report it, in microseconds. */
  computeUs = 0

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /** @throws SputnikError CARD_LOST, or the error a card reported */
  compute(call: RegionCall): void {
    assert(call.choice.tokens <= FRAME_TOKENS_MAX, 'more tokens than a frame can count')
    this.#step = (this.#step + 1) >>> 0
    const work: Work = { choice: call.choice, attempt: 0 }
    const asked = this.#askAll(call, work)
    const [first] = asked
    const isWhole = asked.length === 1 && first?.share.tokenCount === call.choice.tokens
    if (isWhole && this.#options.format.isSummed) {
      this.#passOn(call, first)
      return
    }
    this.#prepare(call)
    this.#collect(call, work, asked)
    this.#finish(call)
  }

  /** The answer of the only domain is the result. */
  #passOn(call: RegionCall, asked: Asked): void {
    const answer = this.#answer(asked, call)
    if (typeof answer === 'string') {
      const work: Work = { choice: call.choice, attempt: 0 }
      const lost = { ...asked, share: copyOf(asked.share), reason: answer }
      this.#prepare(call)
      this.#lose(lost, work)
      this.#again(call, lost, work)
      this.#finish(call)
      return
    }
    const { tokens: count } = call.choice
    this.#decode(answer, { address: call.output, count, width: call.record.nOut })
  }

  #prepare({ choice, record }: RegionCall): void {
    const { tokens, nUsed } = choice
    const width = record.nOut
    this.#sums = grown(this.#sums, tokens * width * FLOAT_BYTES)
    this.#sums.f32.fill(0, 0, tokens * width)
    if (this.#options.format.isSummed) return
    this.#pairRows = grown(this.#pairRows, tokens * nUsed * width * FLOAT_BYTES)
  }

  #askAll(call: RegionCall, work: Work): Asked[] {
    const { domains, choose } = this.#options
    const owners = choose(work.choice, call.region)
    if (this.#partitionSize < domains.length) {
      this.#partitionSize = domains.length
      this.#partition = new Partition(domains.length)
    }
    const asked: Asked[] = []
    this.#partition.splitOwned(work.choice, owners).forEach((share, id) => {
      const domain = domains[id]
      if (domain === undefined || share.tokenCount === 0) return
      this.#settle(domain)
      const one = { domain, share }
      // A failure shows when the answer is waited for.
      this.#ask(call, work, one)
      domain.expertCalls += share.pairCount
      asked.push(one)
    })
    return asked
  }

  /**
   * Takes the answer to a step that failed elsewhere, which must not pass for the next one, and
   * whose dispatch must not be overwritten while it is read.
   */
  #settle(domain: Domain): void {
    if (!this.#owing.has(domain)) return
    this.#owing.delete(domain)
    if (domain.link?.receive(this.#options.timeoutMs) !== undefined) return
    this.#options.onLost(domain, 0, 'it did not answer in time')
  }

  /** Sends a domain its share. */
  #ask(call: RegionCall, work: Work, { domain, share }: Asked): void {
    const { link } = domain
    if (link === undefined) return
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
      attempt: work.attempt,
      tokens: share.tokenCount,
      computeUs: 0,
    })
    writePairs(frame, { layout, share })
    const target = frame.address + BigInt(layout.rows)
    this.#encodeTokens(call, { share, target, rowBytes, tokenOf: work.tokenOf })
    link.send(frame, layout.bytes)
  }

  /** Rows that lie side by side are encoded in one call. */
  #encodeTokens(
    call: RegionCall,
    to: { share: Share; target: Pointer; rowBytes: number; tokenOf: Uint32Array | undefined },
  ): void {
    const { share, target, rowBytes, tokenOf } = to
    const width = call.record.nEmbd
    const encoding = this.#options.format.dispatch
    for (let start = 0; start < share.tokenCount; ) {
      const first = tokenAt(share, start, tokenOf)
      let end = start + 1
      while (end < share.tokenCount && tokenAt(share, end, tokenOf) === first + end - start) end++
      const address = call.input + BigInt(first * width * FLOAT_BYTES)
      const rows = { address, count: end - start, width }
      encodeRows(encoding, rows, target + BigInt(start * rowBytes))
      start = end
    }
  }

  /** Adds all answers in the order of domain ids; what others give for a lost one in its place. */
  #collect(call: RegionCall, work: Work, asked: readonly Asked[]): void {
    const behind: Array<Lost | Answered> = []
    for (const one of asked) {
      const answer = this.#answer(one, call)
      // Shares and frames are used again by the next split.
      const kept = (): Share => copyOf(one.share)
      if (typeof answer === 'string') behind.push({ ...one, share: kept(), reason: answer })
      else if (behind.length === 0) this.#take(call, work, this.#decoded(call, one.share, answer))
      else {
        const { rows, ...rest } = this.#decoded(call, kept(), answer)
        behind.push({ ...rest, rows: rows.slice(0, rest.count * call.record.nOut) })
      }
    }
    for (const one of behind) {
      if ('reason' in one) this.#lose(one, work)
    }
    for (const one of behind) {
      if ('reason' in one) this.#again(call, one, work)
      else this.#take(call, work, one)
    }
  }

  #lose({ domain, reason }: Lost, { attempt }: Work): void {
    this.#owing.delete(domain)
    this.#options.onLost(domain, attempt + 1, reason)
  }

  /** Splits the pairs of a lost domain anew. */
  #again(call: RegionCall, { domain, share, reason }: Lost, work: Work): void {
    if (work.attempt + 1 >= ATTEMPTS_MAX) {
      throw new SputnikError('CARD_LOST', `card ${domain.id} is lost: ${reason}`)
    }
    const next = workOf(share, work)
    this.#collect(call, next, this.#askAll(call, next))
  }

  /** The combine of a domain, or why there is none. */
  #answer(asked: Asked, call: RegionCall): ReceivedFrame | string {
    const { domain } = asked
    const received = domain.link?.receive(this.#options.timeoutMs)
    if (received === undefined) return 'it ended or did not answer in time'
    if (!this.#isExpected(received, { asked, call })) return 'it answered something else'
    this.#owing.delete(domain)
    return received
  }

  /** Whether a frame answers the dispatch; a card's own report of an error is final. */
  #isExpected(
    received: ReceivedFrame,
    { asked, call }: { asked: Asked; call: RegionCall },
  ): boolean {
    const header = readHeader(received.buffer.view)
    if (header.kind === FRAME.failed) {
      this.#owing.delete(asked.domain)
      throw readFailure(received.buffer.bytes.subarray(0, received.bytes), asked.domain.id)
    }
    const { combine: encoding, isSummed } = this.#options.format
    const rowBytes = encodedRowBytes(encoding, call.record.nOut)
    const rows = isSummed ? asked.share.tokenCount : asked.share.pairCount
    this.computeUs += header.computeUs
    return (
      header.kind === FRAME.combine &&
      header.step === this.#step &&
      header.region === call.region &&
      header.encoding === encodingId(encoding) &&
      received.bytes === combineBytes(rows, rowBytes)
    )
  }

  #decode(frame: ReceivedFrame, rows: Rows): void {
    decodeRows(this.#options.format.combine, frame.buffer.address + BigInt(HEADER_BYTES), rows)
  }

  /** Valid until the next one. */
  #decoded({ record }: RegionCall, share: Share, frame: ReceivedFrame): Answered {
    const width = record.nOut
    const count = this.#options.format.isSummed ? share.tokenCount : share.pairCount
    this.#rows = grown(this.#rows, count * width * FLOAT_BYTES)
    this.#decode(frame, { address: this.#rows.address, count, width })
    return { share, count, rows: this.#rows.f32 }
  }

  #take(
    { record: { nOut: width } }: RegionCall,
    { tokenOf, pairOf }: Work,
    { share, count, rows }: Answered,
  ): void {
    const { isSummed } = this.#options.format
    for (let at = 0; at < count; at++) {
      const source = at * width
      if (isSummed) {
        const target = tokenAt(share, at, tokenOf) * width
        addRow(this.#sums.f32, { target, rows, source, width })
      } else {
        const place = share.places[at] ?? 0
        const target = (pairOf?.[place] ?? place) * width
        this.#pairRows.f32.set(rows.subarray(source, source + width), target)
      }
    }
  }

  #finish({ choice, record, output }: RegionCall): void {
    const width = record.nOut
    if (!this.#options.format.isSummed) {
      addInRouterOrder(choice, { rows: this.#pairRows.f32, sums: this.#sums.f32, width })
    }
    copyNative(output, this.#sums.address, choice.tokens * width * FLOAT_BYTES)
  }
}

function grown(buffer: NativeBuffer, bytes: number): NativeBuffer {
  return buffer.bytes.length >= bytes ? buffer : allocateNative(bytes + (bytes >> 2))
}
