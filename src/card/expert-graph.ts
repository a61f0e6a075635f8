/**
 * Builds the ggml graph of one region for one shape of dispatch: gather, first product(s),
 * activation, second product, router weights, sum per token. The counterpart of llama.cpp's
 * `build_moe_ffn` behind the router.
 */
import { defined } from '../base/assert.js'
import type { ActivationStep, ExpertRecord, Projection } from '../base/expert.js'
import { ggml } from '../native/ggml.js'
import type { Pointer } from '../native/memory.js'
import { opNames } from '../native/op-names.js'
import { readTensor } from '../native/tensor.js'
import type { RegionPages } from './page-store.js'

const TYPE_F32 = 0
const TYPE_I32 = 26
const FLOAT_BYTES = 4
const MANY_TOKENS = 16

/** Of what kind a dispatch is; graphs of equal shape are interchangeable. */
export type GraphShape = {
  readonly tokens: number
  /** Experts per token when all have the same number, else 0. */
  readonly perToken: number
  /** Tokens in each round (`orderRounds`); none for a rectangle and for pairs that are not added. */
  readonly rounds: readonly number[]
  readonly pairs: number
  /** Whether the experts of a token are added up. */
  readonly isSummed: boolean
}

export type ExpertGraph = {
  readonly context: Pointer
  readonly graph: Pointer
  /** f32 [nEmbd, tokens] */
  readonly input: Pointer
  /** i32 [pairs]: the token of each pair; undefined for a rectangle. */
  readonly rows: Pointer | undefined
  /** i32 [pairs]: slot of each pair. */
  readonly slots: Pointer
  /** f32 [pairs]; undefined when the weights are not part of the region. */
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

class GraphBuilder {
  readonly #api = ggml()
  readonly #record: ExpertRecord
  readonly #pages: RegionPages
  readonly #shape: GraphShape
  readonly #context: Pointer
  readonly #graph: Pointer
  /** Experts per column and columns of the products. */
  readonly #per: number
  readonly #columns: number

  constructor(record: ExpertRecord, pages: RegionPages, shape: GraphShape) {
    this.#record = record
    this.#pages = pages
    this.#shape = shape
    this.#per = shape.perToken > 0 ? shape.perToken : 1
    this.#columns = shape.pairs / this.#per
    const nodes = 64 + 6 * Math.max(shape.rounds.length, shape.perToken) + record.activation.length
    const bytes = 2 * nodes * this.#api.tensorOverhead() + this.#api.graphOverhead(nodes, false)
    this.#context = this.#api.init({ mem_size: bytes, mem_buffer: null, no_alloc: true })
    this.#graph = this.#api.newGraph(this.#context, nodes, false)
  }

  build(): ExpertGraph {
    const { nEmbd, weights: place } = this.#record
    const c = this.#context
    const input = this.#input(this.#api.newTensor2d(c, TYPE_F32, nEmbd, this.#shape.tokens))
    const slots = this.#input(this.#api.newTensor2d(c, TYPE_I32, this.#per, this.#columns))
    const weights =
      place === 'none'
        ? undefined
        : this.#input(this.#api.newTensor3d(c, TYPE_F32, 1, this.#per, this.#columns))
    const { x, rows } = this.#gather(input)
    const weighted = weights !== undefined && place === 'before' ? this.#spread(x, weights) : x
    const hidden = this.#activate(weighted, slots)
    const out = this.#project('down', { x: hidden, slots })
    const after = place === 'after' ? weights : undefined
    const output = this.#shape.isSummed ? this.#weightedSum(out, after) : this.#weighted(out, after)
    this.#api.setOutput(output)
    this.#api.expandGraph(this.#graph, output)
    return { context: c, graph: this.#graph, input, rows, slots, weights, output }
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

  /** One product with scale and bias, [out, experts per column, columns]. */
  #project(role: Projection, { x, slots }: { x: Pointer; slots: Pointer }): Pointer {
    const c = this.#context
    const tensors = defined(this.#pages.projections.get(role), `${role} tensors`)
    const record = this.#record.projections.find((projection) => projection.role === role)
    let value = this.#api.mulMatId(c, defined(tensors.weight, `${role} weight`), x, slots)
    this.#setPrecision(value, role)
    if (record?.hasScale === true) {
      value = this.#api.mul(c, value, this.#scales(defined(tensors.scale, `${role} scale`), slots))
    }
    if (record?.hasBias === true) {
      value = this.#api.addId(c, value, defined(tensors.bias, `${role} bias`), slots)
    }
    return value
  }

  #setPrecision(product: Pointer, role: Projection): void {
    const record = this.#record.projections.find((projection) => projection.role === role)
    const [accumulator, source] = record?.precision ?? [0, 0]
    if (accumulator !== 0) this.#api.setAccumulatorPrecision(product, accumulator)
    if (source !== 0) this.#api.setSourcePrecision(product, source, 1)
  }

  /** The scale of each pair's expert, [1, experts per column, columns]. */
  #scales(scale: Pointer, slots: Pointer): Pointer {
    const c = this.#context
    const flat = this.#api.reshape1d(c, slots, this.#shape.pairs)
    const rows = this.#api.getRows(c, scale, flat)
    return this.#api.reshape3d(c, rows, 1, this.#per, this.#columns)
  }

  #activate(x: Pointer, slots: Pointer): Pointer {
    const values = this.#firstProducts(x, slots)
    for (const step of this.#record.activation) values.push(this.#step(step, values))
    return defined(values.at(this.#record.activation.length === 0 ? 0 : -1), 'activation')
  }

  /** Values 0 and 1 of the record: gate (or up alone) and up. */
  #firstProducts(x: Pointer, slots: Pointer): Pointer[] {
    const isMerged = this.#pages.projections.has('gate_up')
    if (isMerged) return this.#halves(this.#project('gate_up', { x, slots }))
    const up = this.#project('up', { x, slots })
    return [this.#pages.projections.has('gate') ? this.#project('gate', { x, slots }) : up, up]
  }

  #halves(both: Pointer): Pointer[] {
    const { nFf } = this.#record
    const row = 2 * nFf * FLOAT_BYTES
    const half = (offset: number): Pointer => {
      const view = this.#api.view3d(
        this.#context,
        both,
        nFf,
        this.#per,
        this.#columns,
        row,
        row * this.#per,
        offset,
      )
      return this.#isGluOnly ? view : this.#api.cont(this.#context, view)
    }
    return [half(0), half(nFf * FLOAT_BYTES)]
  }

  /** Only the gated functions of ggml take halves of a row as they are. */
  get #isGluOnly(): boolean {
    const [step] = this.#record.activation
    return this.#record.activation.length === 1 && step?.op === 'glu'
  }

  #step(step: ActivationStep, values: readonly Pointer[]): Pointer {
    const c = this.#context
    const value = (number: number) => defined(values[number], `value ${number}`)
    switch (step.op) {
      case 'unary':
        return this.#api.unary(c, value(step.x), opNames().unaryId(step.fn))
      case 'sqr':
        return this.#api.sqr(c, value(step.x))
      case 'scale':
        return this.#api.scaleBias(c, value(step.x), step.scale, step.bias)
      case 'clamp':
        return this.#api.clamp(c, value(step.x), step.min, step.max)
      case 'mul':
        return this.#api.mul(c, value(step.a), value(step.b))
      case 'add':
        return this.#api.add(c, value(step.a), value(step.b))
      case 'glu':
        return this.#glu(step, value(step.gate), value(step.up))
    }
  }

  #glu(step: ActivationStep & { op: 'glu' }, gate: Pointer, up: Pointer): Pointer {
    const c = this.#context
    if (step.fn === 'SWIGLU_OAI') return this.#api.swigluOai(c, gate, up, step.alpha, step.limit)
    if (step.fn === 'SWIGLU_CLAMP') return this.#api.swigluClamp(c, gate, up, step.limit)
    return this.#api.gluSplit(c, gate, up, opNames().gluId(step.fn))
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
      const stride = FLOAT_BYTES * this.#per
      const factors = this.#api.view2d(c, weights, 1, tokens, stride, FLOAT_BYTES * slot)
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

/** Where the data of a graph's tensor lies once memory was given to it. */
export function dataOf(tensor: Pointer): Pointer {
  return readTensor(tensor).data
}
