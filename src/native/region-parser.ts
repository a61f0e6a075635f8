/**
 * Turns the nodes of one split into expert regions: a record of what the experts compute and the
 * tensors that go in and come out. The counterpart of llama.cpp's `build_moe_ffn`, read backwards.
 */

import { defined } from '../base/assert.js'
import {
  ACTIVATION_STEPS_MAX,
  type ActivationStep,
  EXPERT_TENSOR,
  type ExpertRecord,
  type GluFunction,
  type Projection,
  type ProjectionRecord,
  type UnaryFunction,
} from '../base/expert.js'
import type { Pointer } from './memory.js'
import type { OpNames } from './op-names.js'
import type { RegionValues } from './region-values.js'
import { readTensor, type TensorFields } from './tensor.js'

export type RegionTensors = {
  /** [nEmbd, 1, nTokens], f32 */
  readonly input: Pointer
  /** [nUsed, nTokens], i32 */
  readonly ids: Pointer
  /** [1, nUsed, nTokens], f32; undefined when the router weights are not part of the region. */
  readonly weights: Pointer | undefined
  /** [nOut, nTokens], f32 */
  readonly output: Pointer
}

export type ParsedRegion = { readonly record: ExpertRecord; readonly tensors: RegionTensors }

/** Why a region cannot be described: the operation that is in the way, and the layer. */
export class UnknownRegion extends Error {
  readonly op: string
  readonly layer: number | undefined

  constructor(reason: string, op: string, layer: number | undefined) {
    super(reason)
    this.op = op
    this.layer = layer
  }
}

/** @throws UnknownRegion */
export function parseRegions(
  nodes: readonly Pointer[],
  { values, names }: { values: RegionValues; names: OpNames },
): ParsedRegion[] {
  const tensors = nodes.map((node) => readTensor(node))
  const used = new Set<Pointer>(tensors.flatMap((tensor) => tensor.src))
  const sums = tensors.filter((tensor) => values.kind(tensor.address) === 'sum')
  const outputs = sums.filter((sum) => !used.has(sum.address))
  const products = tensors.filter((tensor) => values.op(tensor) === 'MUL_MAT_ID')
  const regions = outputs.map((output) => new RegionParser(values, names).parse(output))
  const wanted = products.reduce((sum, product) => sum + (isDown(product) ? 1 : 0), 0)
  if (regions.length === wanted && regions.length > 0) return regions
  throw unsummed(products, values)
}

function isDown(product: TensorFields): boolean {
  const weight = product.src[0]
  return weight !== undefined && EXPERT_TENSOR.exec(readTensor(weight).name)?.[2] === 'down'
}

/** The region ends before its sum, or starts after its first product: name what is in between. */
function unsummed(products: readonly TensorFields[], values: RegionValues): UnknownRegion {
  const product = products.find(isDown) ?? products[0]
  const weight = product?.src[0]
  if (product === undefined || weight === undefined) {
    return new UnknownRegion('a split without a matrix product', 'NONE', undefined)
  }
  const layer = layerOf(readTensor(weight).name)
  const input = readTensor(defined(product.src[1], 'input of a product'))
  if (isDown(product) && values.kind(input.address) === 'outside') {
    const op = values.op(input)
    return new UnknownRegion(`operation ${op} between the two products`, op, layer)
  }
  const which = isDown(product) ? 'second' : 'first'
  return new UnknownRegion(`an operation after the ${which} product`, 'MUL_MAT_ID', layer)
}

function layerOf(name: string): number | undefined {
  const match = EXPERT_TENSOR.exec(name)
  return match?.[1] === undefined ? undefined : Number(match[1])
}

type Product = { tensor: TensorFields; weight: TensorFields; role: Projection }
type ProjectionDraft = { product: Product; hasScale: boolean; hasBias: boolean }

class RegionParser {
  readonly #values: RegionValues
  readonly #names: OpNames
  readonly #drafts = new Map<Projection, ProjectionDraft>()
  readonly #steps: ActivationStep[] = []
  readonly #numbers = new Map<Pointer, number>()
  #layer: number | undefined

  constructor(values: RegionValues, names: OpNames) {
    this.#values = values
    this.#names = names
  }

  parse(output: TensorFields): ParsedRegion {
    const experts = this.#summed(output)
    const { value, weights } = this.#withoutWeights(experts)
    const down = this.#projection(value)
    if (down.product.role !== 'down') throw this.#unknown(value)
    const hidden = defined(down.product.tensor.src[1], 'input of the second product')
    this.#number(readTensor(hidden))
    return this.#finish(down, { output, weights })
  }

  /** The tensor of all chosen experts' outputs behind a chain of picks and adds. */
  #summed(output: TensorFields): TensorFields {
    const picks: TensorFields[] = []
    let current = output
    while (this.#values.kind(current.address) === 'sum') {
      const [a, b] = current.src
      if (b !== undefined) picks.unshift(readTensor(b))
      current = readTensor(defined(a, 'summand'))
    }
    picks.unshift(current)
    const experts = readTensor(defined(current.src[0], 'experts of a pick'))
    const ordered = picks.every(
      (pick, slot) =>
        pick.src[0] === experts.address &&
        pick.viewOffset === experts.viewOffset + slot * experts.nb[1],
    )
    if (!ordered || picks.length !== experts.ne[1]) throw this.#unknown(output)
    return experts
  }

  #withoutWeights(experts: TensorFields): { value: TensorFields; weights: Pointer | undefined } {
    const [a, b] = experts.src
    const isWeighted =
      this.#values.op(experts) === 'MUL' && b !== undefined && this.#values.kind(b) === 'outside'
    if (!isWeighted) return { value: experts, weights: undefined }
    return { value: readTensor(defined(a, 'weighted experts')), weights: b }
  }

  /** Peels bias and scale off a product and notes both. */
  #projection(value: TensorFields): ProjectionDraft {
    const op = this.#values.op(value)
    const first = defined(value.src[0], 'source of a projection')
    if (op === 'ADD_ID') return this.#note(this.#projection(readTensor(first)), 'hasBias')
    if (op === 'MUL') return this.#note(this.#projection(readTensor(first)), 'hasScale')
    if (op === 'RESHAPE') return this.#projection(readTensor(first))
    if (op !== 'MUL_MAT_ID') throw this.#unknown(value)
    return this.#product(value)
  }

  #note(draft: ProjectionDraft, what: 'hasBias' | 'hasScale'): ProjectionDraft {
    // The record has one order, scale before bias, and each at most once.
    if (draft[what] || (what === 'hasScale' && draft.hasBias))
      throw this.#unknown(draft.product.tensor)
    draft[what] = true
    return draft
  }

  #product(tensor: TensorFields): ProjectionDraft {
    const weight = readTensor(defined(tensor.src[0], 'weight of a product'))
    const match = EXPERT_TENSOR.exec(weight.name)
    const role = match?.[2] as Projection | undefined
    if (role === undefined) throw this.#unknown(tensor)
    this.#layer = layerOf(weight.name)
    const known = this.#drafts.get(role)
    if (known !== undefined && known.product.tensor.address !== tensor.address) {
      throw this.#unknown(tensor)
    }
    const draft = known ?? { product: { tensor, weight, role }, hasScale: false, hasBias: false }
    this.#drafts.set(role, draft)
    return draft
  }

  /** Number of a value between the two products; records the steps that make it. */
  #number(value: TensorFields): number {
    const known = this.#numbers.get(value.address)
    if (known !== undefined) return known
    const number = this.#isProjection(value) ? this.#projectionNumber(value) : this.#step(value)
    this.#numbers.set(value.address, number)
    return number
  }

  #isProjection(value: TensorFields): boolean {
    const op = this.#values.op(value)
    const second = value.src[1]
    const isScale = op === 'MUL' && second !== undefined && this.#values.kind(second) === 'weight'
    return op === 'MUL_MAT_ID' || op === 'ADD_ID' || op === 'VIEW' || op === 'RESHAPE' || isScale
  }

  #projectionNumber(value: TensorFields): number {
    if (this.#values.op(value) !== 'VIEW') {
      const draft = this.#projection(value)
      return draft.product.role === 'up' ? 1 : 0
    }
    const source = readTensor(defined(value.src[0], 'source of a view'))
    const draft = this.#projection(source)
    if (draft.product.role !== 'gate_up') throw this.#unknown(value)
    const offset = value.viewOffset - source.viewOffset
    if (offset === 0) return 0
    if (offset === value.ne[0] * 4 && source.ne[0] === 2 * value.ne[0]) return 1
    throw this.#unknown(value)
  }

  #step(value: TensorFields): number {
    const step = this.#describe(value)
    if (this.#steps.length >= ACTIVATION_STEPS_MAX) throw this.#unknown(value)
    this.#steps.push(step)
    return 1 + this.#steps.length
  }

  #describe(value: TensorFields): ActivationStep {
    const [a, b] = value.src
    const x = this.#number(readTensor(defined(a, 'operand')))
    const op = this.#values.op(value)
    if (op === 'UNARY') return { op: 'unary', fn: this.#unary(value), x }
    if (op === 'SQR') return { op: 'sqr', x }
    if (op === 'SCALE') {
      return { op: 'scale', x, scale: value.floatParam(0), bias: value.floatParam(1) }
    }
    if (op === 'CLAMP') {
      return { op: 'clamp', x, min: value.floatParam(0), max: value.floatParam(1) }
    }
    if (op === 'GLU') return this.#glu(value, x, b)
    if (b === undefined || (op !== 'MUL' && op !== 'ADD')) throw this.#unknown(value)
    return { op: op === 'MUL' ? 'mul' : 'add', a: x, b: this.#number(readTensor(b)) }
  }

  #unary(value: TensorFields): UnaryFunction {
    const name = this.#names.unary(value.intParam(0))
    // XIELU carries learned parameters of the layer that no record holds.
    if (name === 'XIELU') throw this.#unknown(value)
    return name as UnaryFunction
  }

  #glu(value: TensorFields, first: number, b: Pointer | undefined): ActivationStep {
    const swapped = value.intParam(1) !== 0
    const second = b === undefined ? 1 : this.#number(readTensor(b))
    return {
      op: 'glu',
      fn: this.#names.glu(value.intParam(0)) as GluFunction,
      gate: swapped ? second : first,
      up: swapped ? first : second,
      alpha: value.floatParam(2),
      limit: value.floatParam(3),
    }
  }

  #finish(
    down: ProjectionDraft,
    { output, weights }: { output: TensorFields; weights: Pointer | undefined },
  ): ParsedRegion {
    const firsts = [...this.#drafts.values()].filter((draft) => draft !== down)
    const first = firsts[0]
    if (first === undefined) throw this.#unknown(output)
    const { input, ids } = this.#inputs([...firsts, down])
    const before = this.#unweighted(input)
    const nUsed = readTensor(ids).ne[0]
    const record: ExpertRecord = {
      layer: this.#layer ?? -1,
      group: EXPERT_TENSOR.exec(down.product.weight.name)?.[3] === 'ch' ? 'ch' : '',
      nEmbd: first.product.weight.ne[0],
      nOut: down.product.weight.ne[1],
      nFf: down.product.weight.ne[0],
      nExpert: down.product.weight.ne[2],
      nUsed,
      projections: [...firsts, down].map(projectionRecord),
      activation: this.#steps,
      weights: before !== undefined ? 'before' : weights === undefined ? 'none' : 'after',
    }
    const x = before?.input ?? input
    const tensors = { input: x, ids, weights: before?.weights ?? weights, output: output.address }
    this.#checkShapes(tensors)
    return { record, tensors }
  }

  /** All products share the chosen ids, the first ones share their input too. */
  #inputs(drafts: readonly ProjectionDraft[]): { input: Pointer; ids: Pointer } {
    const sources = drafts.map((draft) => draft.product.tensor.src)
    const ids = new Set(sources.map((src) => src[2]))
    const inputs = new Set(sources.slice(0, -1).map((src) => src[1]))
    const last = defined(drafts.at(-1), 'second product').product.tensor
    if (ids.size !== 1 || inputs.size !== 1) throw this.#unknown(last)
    return {
      ids: defined(sources[0]?.[2], 'chosen ids'),
      input: defined(sources[0]?.[1], 'input of the first product'),
    }
  }

  /** For weights multiplied before the experts: the tokens behind MUL(REPEAT(x), weights). */
  #unweighted(input: Pointer): { input: Pointer; weights: Pointer } | undefined {
    if (this.#values.kind(input) !== 'input') return undefined
    const [repeated, weights] = readTensor(input).src
    const x = readTensor(defined(repeated, 'repeated tokens')).src[0]
    return { input: defined(x, 'tokens'), weights: defined(weights, 'weights') }
  }

  #checkShapes(tensors: RegionTensors): void {
    const input = readTensor(tensors.input)
    const ids = readTensor(tensors.ids)
    const isShared = input.ne[1] === 1 && input.nb[0] === 4 && input.type === 0
    if (!isShared || ids.ne[1] !== input.ne[2]) {
      throw new UnknownRegion('experts with inputs of their own', 'MUL_MAT_ID', this.#layer)
    }
    if (tensors.weights === undefined) return
    const { ne, type } = readTensor(tensors.weights)
    if (type === 0 && ne[0] === 1 && ne[1] === ids.ne[0] && ne[2] === ids.ne[1]) return
    throw new UnknownRegion('experts scaled by more than router weights', 'MUL', this.#layer)
  }

  #unknown(tensor: TensorFields): UnknownRegion {
    const op = this.#values.op(tensor)
    return new UnknownRegion(`operation ${op} (${tensor.name}) in the experts`, op, this.#layer)
  }
}

function projectionRecord(draft: ProjectionDraft): ProjectionRecord {
  const { tensor, role } = draft.product
  return {
    role,
    hasScale: draft.hasScale,
    hasBias: draft.hasBias,
    precision: [tensor.intParam(0), tensor.intParam(3)],
  }
}
