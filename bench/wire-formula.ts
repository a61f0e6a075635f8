/**
 * What a step should send, from what its routers chose and who holds the experts: counted apart from
 * the dispatcher, by the layout of frames alone.
 */
import { defined } from '../src/base/assert.js'
import { CREDIT_MESSAGE_BYTES } from '../src/fabric/credit-message.js'
import { combineBytes, dispatchLayout } from '../src/fabric/dispatch.js'
import { HEADER_BYTES } from '../src/fabric/frame.js'
import type { Chosen } from './router-tap.js'

export type WireSizes = {
  /** Of a token's row out, and of a sum back. */
  readonly rowBytes: number
  readonly sumBytes: number
  /** Domain of each expert by region. */
  readonly holders: ReadonlyArray<readonly number[]>
}

export type Expected = {
  /** Dispatches with their combines. */
  readonly exchanges: number
  /** Rows that went to a domain. */
  readonly copies: number
  /** Pairs of token and expert. */
  readonly pairs: number
  readonly bytes: number
  /** The same when each expert is sent a copy of its own and answers with a row of its own. */
  readonly apartBytes: number
}

/** For the reply, beside each dispatch; what domains grant for dispatches comes seldom. */
const CREDIT_BYTES = HEADER_BYTES + CREDIT_MESSAGE_BYTES

export const FORMULA =
  'per domain asked: dispatch 20 + 2 T + 2 P + 4 P (each filled up to 4, all to 16) + T rows out, ' +
  `combine 20 + T rows back, credit 20 + ${CREDIT_MESSAGE_BYTES}; T tokens, P pairs`

export function expectedBytes(chosen: readonly Chosen[], sizes: WireSizes): Expected {
  const sum = { exchanges: 0, copies: 0, pairs: 0, bytes: 0, apartBytes: 0 }
  for (const { region, choice } of chosen) {
    const holders = defined(sizes.holders[region], 'holders of a region')
    for (const { tokens, pairs } of sharesOf(choice, holders)) {
      sum.exchanges++
      sum.copies += tokens
      sum.pairs += pairs
      sum.bytes += exchangeBytes({ tokens, pairs }, sizes)
      sum.apartBytes += exchangeBytes({ tokens: pairs, pairs }, sizes)
    }
  }
  return sum
}

type Load = { readonly tokens: number; readonly pairs: number }

function exchangeBytes({ tokens, pairs }: Load, { rowBytes, sumBytes }: WireSizes): number {
  const out = dispatchLayout({ tokens, pairs, rowBytes }).bytes
  return out + combineBytes(tokens, sumBytes) + CREDIT_BYTES
}

/** Of each domain that has something to do. */
function sharesOf(choice: Chosen['choice'], holders: readonly number[]): Load[] {
  const tokens = new Map<number, Set<number>>()
  const pairs = new Map<number, number>()
  choice.experts.forEach((expert, pair) => {
    const domain = holders[expert]
    if (expert < 0 || domain === undefined) return
    const its = tokens.get(domain) ?? new Set<number>()
    tokens.set(domain, its.add(Math.floor(pair / choice.nUsed)))
    pairs.set(domain, (pairs.get(domain) ?? 0) + 1)
  })
  return [...tokens].map(([domain, its]) => ({
    tokens: its.size,
    pairs: pairs.get(domain) ?? 0,
  }))
}
