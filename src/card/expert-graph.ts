/**
 * Builds the ggml graph of one region for one shape of dispatch: gather, first product(s),
 * activation, second product, router weights, sum per token. The counterpart of llama.cpp's
 * `build_moe_ffn` behind the router.
 */
import type { ExpertRecord } from '../base/expert.js'
import { ggml } from '../native/ggml.js'
import type { Pointer } from '../native/memory.js'
import { ExpertFfn } from './expert-ffn.js'
import type { Group } from './order.js'
import type { RegionPages } from './page-store.js'

const TYPE_F32 = 0
const TYPE_I32 = 26
const FLOAT_BYTES = 4
const INT_BYTES = 4
const MANY_TOKENS = 16

/** Of what kind a dispatch is; graphs of equal shape are interchangeable. */
export type GraphShape = {
  readonly tokens: number
  /** Experts per token when all have the same number, else 0. */
  readonly perToken: number
  /** Tokens in each round (`orderRounds`); none for a rectangle and for pairs that stay apart. */
  readonly rounds: readonly number[]
  readonly pairs: number
  /** Whether the experts of a token are added up. */
  readonly isSummed: boolean
  /** When there are many pairs of a slot: those of each slot are computed by themselves. */
  readonly groups?: readonly Group[] | undefined
}

export type ExpertGraph = {
  readonly context: Pointer
  readonly graph: Pointer
  /** f32 [nEmbd, tokens] */
  readonly input: Pointer
  /** i32 [pairs]: the token of each pair (group by group); undefined for a rectangle. */
  readonly rows: Pointer | undefined
  /** i32 [pairs]: slot of each pair; undefined for groups. */
  readonly slots: Pointer | undefined
  /** i32 [pairs]: where each pair of the groups belongs; undefined without groups. */
  readonly targets: Pointer | undefined
  /**
   * f32 [`weightCopies`, pairs], group by group when they come before the experts; undefined when
   * the weights are not part of the region.
   */
  readonly weights: Pointer | undefined
  /** f32 [nOut, tokens], or [nOut, pairs] when they are not added */
  readonly output: Pointer
}

export function buildExpertGraph(
  record: ExpertRecord,
  { pages, shape }: { pages: RegionPages; shape: GraphShape },
): ExpertGraph {
  return new GraphBuilder(record, pages, shape).build()
}

/** How often the weight of a pair stands side by side; a power of two. */
const COPIES_MAX = 64

/**
 * The CPU's product of a row with one number goes number by number, that with a few numbers over
 * and over a vector at a time: so each weight is there several times, as often as a row allows.
 */
export function weightCopies({ weights, nEmbd, nOut }: ExpertRecord): number {
  const width = weights === 'before' ? nEmbd : nOut
  let copies = COPIES_MAX
  while (width % copies !== 0) copies /= 2
  return copies
}

type Parts = Pick<ExpertGraph, 'rows' | 'slots' | 'targets'> & { readonly out: Pointer }

/** Enough for every step a graph of this shape takes. */
function nodesOf({ rounds, perToken, groups = [] }: GraphShape, record: ExpertRecord): number {
  const sums = 6 * Math.max(rounds.length, perToken)
  return 64 + sums + (1 + groups.length) * (32 + record.activation.length)
}

class GraphBuilder {
  readonly #api = ggml()
  readonly #record: ExpertRecord
  readonly #ffn: ExpertFfn
  readonly #shape: GraphShape
  readonly #context: Pointer
  readonly #graph: Pointer
  /** Experts per column and columns of the products. */
  readonly #per: number
  readonly #columns: number
  readonly #copies: number

  constructor(record: ExpertRecord, pages: RegionPages, shape: GraphShape) {
    this.#record = record
    this.#shape = shape
    this.#per = shape.perToken > 0 ? shape.perToken : 1
    this.#columns = shape.pairs / this.#per
    this.#copies = weightCopies(record)
    const nodes = nodesOf(shape, record)
    const bytes = 2 * nodes * this.#api.tensorOverhead() + this.#api.graphOverhead(nodes, false)
    this.#context = this.#api.init({ mem_size: bytes, mem_buffer: null, no_alloc: true })
    this.#graph = this.#api.newGraph(this.#context, nodes, false)
    this.#ffn = new ExpertFfn(this.#context, { record, pages })
  }

  build(): ExpertGraph {
    const c = this.#context
    const { nEmbd, weights: place } = this.#record
    const input = this.#input(this.#api.newTensor2d(c, TYPE_F32, nEmbd, this.#shape.tokens))
    const weights =
      place === 'none'
        ? undefined
        : this.#input(this.#api.newTensor3d(c, TYPE_F32, this.#copies, this.#per, this.#columns))
    const before = place === 'before' ? weights : undefined
    const after = place === 'after' ? weights : undefined
    const { groups } = this.#shape
    const parts =
      groups === undefined ? this.#together(input, before) : this.#apart(input, { before, groups })
    const { out, ...indices } = parts
    const output = this.#shape.isSummed ? this.#weightedSum(out, after) : this.#weighted(out, after)
    this.#api.setOutput(output)
    this.#api.expandGraph(this.#graph, output)
    return { context: c, graph: this.#graph, input, weights, output, ...indices }
  }

  /** All pairs in one product, [nOut, experts per column, columns]. */
  #together(input: Pointer, before: Pointer | undefined): Parts {
    const c = this.#context
    const slots = this.#input(this.#api.newTensor2d(c, TYPE_I32, this.#per, this.#columns))
    const { x, rows } = this.#gather(input)
    const weighted = before === undefined ? x : this.#spread(x, before)
    const out = this.#ffn.build(weighted, { per: this.#per, count: this.#columns, slots })
    return { out, rows, slots, targets: undefined }
  }

  /** The pairs of each slot by themselves, their results put where they belong. */
  #apart(
    input: Pointer,
    { before, groups }: { before: Pointer | undefined; groups: readonly Group[] },
  ): Parts {
    const c = this.#context
    const { pairs } = this.#shape
    const rows = this.#input(this.#api.newTensor1d(c, TYPE_I32, pairs))
    const targets = this.#input(this.#api.newTensor1d(c, TYPE_I32, pairs))
    const index = (of: Pointer, at: number, count: number): Pointer =>
      this.#api.view1d(c, of, count, INT_BYTES * at)
    let out = this.#input(this.#api.newTensor2d(c, TYPE_F32, this.#record.nOut, pairs))
    let at = 0
    for (const { slot, count } of groups) {
      const x = this.#api.getRows(c, input, index(rows, at, count))
      const row = FLOAT_BYTES * this.#copies
      const factors = before && this.#api.view2d(c, before, this.#copies, count, row, row * at)
      const weighted = factors ? this.#api.mul(c, x, factors) : x
      const part = this.#ffn.build(weighted, { per: 1, count, slots: slot })
      out = this.#api.setRows(c, out, part, index(targets, at, count))
      this.#api.expandGraph(this.#graph, out)
      at += count
    }
    const shaped = this.#api.reshape3d(c, out, this.#record.nOut, this.#per, this.#columns)
    return { out: shaped, rows, slots: undefined, targets }
  }

  #input(tensor: Pointer): Pointer {
    this.#api.setInput(tensor)
    return tensor
  }

  /** Tokens as the products want them: shared by the experts of a token, or a row per pair. */
  #gather(input: Pointer): { x: Pointer; rows: Pointer | undefined } {
    const { nEmbd } = this.#record
    const c = this.#context
    if (this.#shape.perToken > 0) {
      return { x: this.#api.reshape3d(c, input, nEmbd, 1, this.#shape.tokens), rows: undefined }
    }
    const rows = this.#input(this.#api.newTensor1d(c, TYPE_I32, this.#shape.pairs))
    const gathered = this.#api.getRows(c, input, rows)
    return { x: this.#api.reshape3d(c, gathered, nEmbd, 1, this.#shape.pairs), rows }
  }

  #spread(x: Pointer, weights: Pointer): Pointer {
    const { nEmbd } = this.#record
    const repeated = this.#api.repeat4d(this.#context, x, nEmbd, this.#per, this.#columns, 1)
    return this.#api.mul(this.#context, repeated, weights)
  }

  /**
   * Many tokens are weighted one chosen expert after the other, so that products are still in the
   * cache when they are added; few at once, because steps of a graph cost more than that saves.
   */
  #weightedSum(out: Pointer, weights: Pointer | undefined): Pointer {
    if (weights === undefined) return this.#sum(out)
    if (this.#shape.perToken > 1 && this.#shape.tokens >= MANY_TOKENS) {
      return this.#sumOfProducts(out, weights)
    }
    return this.#sum(this.#weighted(out, weights))
  }

  #weighted(out: Pointer, weights: Pointer | undefined): Pointer {
    return weights === undefined ? out : this.#api.mul(this.#context, out, weights)
  }

  #sumOfProducts(out: Pointer, weights: Pointer): Pointer {
    const { nOut } = this.#record
    const { tokens } = this.#shape
    const row = nOut * FLOAT_BYTES
    const c = this.#context
    const product = (slot: number): Pointer => {
      const experts = this.#api.view2d(c, out, nOut, tokens, row * this.#per, slot * row)
      const factor = FLOAT_BYTES * this.#copies
      const stride = factor * this.#per
      const factors = this.#api.view2d(c, weights, this.#copies, tokens, stride, factor * slot)
      return this.#api.mul(c, experts, factors)
    }
    let sum = product(0)
    for (let slot = 1; slot < this.#per; slot++) {
      this.#api.expandGraph(this.#graph, sum)
      sum = this.#api.add(c, sum, product(slot))
    }
    return sum
  }

  /** Adds the experts of each token in the order of the router, as libllama does. */
  #sum(out: Pointer): Pointer {
    const { nOut } = this.#record
    const row = nOut * FLOAT_BYTES
    const c = this.#context
    if (this.#shape.perToken > 0) {
      const pick = (slot: number) =>
        this.#api.view2d(c, out, nOut, this.#shape.tokens, row * this.#per, slot * row)
      let sum = pick(0)
      for (let slot = 1; slot < this.#per; slot++) sum = this.#api.add(c, sum, pick(slot))
      return this.#per === 1 ? this.#api.cont(c, sum) : sum
    }
    return this.#sumRounds(out, row)
  }

  #sumRounds(out: Pointer, row: number): Pointer {
    const { nOut } = this.#record
    const c = this.#context
    const sum = this.#api.cont(c, this.#api.view2d(c, out, nOut, this.#shape.tokens, row, 0))
    this.#api.expandGraph(this.#graph, sum)
    let at = this.#shape.tokens
    for (const size of this.#shape.rounds.slice(1)) {
      const target = this.#api.view2d(c, sum, nOut, size, row, 0)
      const summand = this.#api.view2d(c, out, nOut, size, row, at * row)
      this.#api.expandGraph(this.#graph, this.#api.addInPlace(c, target, summand))
      at += size
    }
    return sum
  }
}
