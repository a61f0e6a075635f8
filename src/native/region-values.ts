/**
 * Tells which tensors of a libllama graph belong to an expert region, by structure alone: products
 * with an expert tensor, and what is made of nothing but those until the chosen experts are summed
 * (llama.cpp `build_moe_ffn`). Knows layer names only through the pattern of expert tensors.
 */
import { EXPERT_TENSOR } from '../base/expert.js'
import type { Pointer } from './memory.js'
import type { OpNames } from './op-names.js'
import { readTensor, type TensorFields } from './tensor.js'

/**
 * What a tensor is to a region.
 * - weight: an expert tensor, or a view or row selection of one
 * - input: tokens multiplied by their router weights before the first product
 * - hidden: between the first and the second product, [nFf, nUsed, nTokens]
 * - output: after the second product, [nOut, nUsed, nTokens]
 * - pick: one chosen expert's output of every token, [nOut, nTokens]
 * - sum: picks added up
 * - outside: none of these
 */
export type RegionKind = 'weight' | 'input' | 'hidden' | 'output' | 'pick' | 'sum' | 'outside'

/** Operations a region may hold; everything else is outside at a glance. */
export const REGION_OPS: readonly string[] = [
  'NONE',
  'MUL_MAT_ID',
  'ADD_ID',
  'ADD',
  'MUL',
  'UNARY',
  'GLU',
  'SCALE',
  'CLAMP',
  'SQR',
  'VIEW',
  'RESHAPE',
  'CONT',
  'REPEAT',
  'GET_ROWS',
]

const ELEMENTWISE = new Set(['UNARY', 'GLU', 'SCALE', 'CLAMP', 'SQR'])
const VIEWS = new Set(['VIEW', 'RESHAPE'])
/** What may lie between the router's chosen probabilities and the weights (build_moe_ffn). */
const WEIGHT_OPS = new Set(['RESHAPE', 'VIEW', 'SCALE', 'DIV', 'UNARY', 'SOFT_MAX', 'CLAMP', 'MUL'])

export class RegionValues {
  readonly #names: OpNames
  readonly #chosen: ReadonlySet<number>
  /** Kinds found while one graph is being split; addresses mean nothing after that. */
  readonly #memo = new Map<Pointer, RegionKind>()

  /** `chosen`: the numbers of experts per token that the model's layers use. */
  constructor(names: OpNames, chosen: ReadonlySet<number>) {
    this.#names = names
    this.#chosen = chosen
  }

  /** To be called when a graph has been split or computed: its addresses may be used again. */
  forget(): void {
    this.#memo.clear()
  }

  op(tensor: TensorFields): string {
    return this.#names.op(tensor.op)
  }

  kind(address: Pointer): RegionKind {
    const known = this.#memo.get(address)
    if (known !== undefined) return known
    const kind = this.#kindOf(readTensor(address))
    this.#memo.set(address, kind)
    return kind
  }

  #kindOf(tensor: TensorFields): RegionKind {
    const op = this.op(tensor)
    const [a, b] = tensor.src
    if (op === 'NONE') return EXPERT_TENSOR.test(tensor.name) ? 'weight' : 'outside'
    if (a === undefined) return 'outside'
    if (op === 'MUL_MAT_ID') return this.#kindOfProduct(a, b)
    if (op === 'ADD_ID') return this.#valueKind(a)
    if (ELEMENTWISE.has(op)) return this.#elementwiseKind(a)
    if (VIEWS.has(op)) return this.#viewKind(tensor, a)
    if (op === 'CONT') return this.kind(a) === 'pick' ? 'sum' : 'outside'
    if (op === 'REPEAT') return this.#repeatKind(tensor, a)
    if (op === 'GET_ROWS') return this.kind(a) === 'weight' ? 'weight' : 'outside'
    if (op === 'ADD' && b !== undefined) return this.#sumKind(a, b)
    if (op === 'MUL' && b !== undefined) return this.#scaledKind(a, b)
    return 'outside'
  }

  #kindOfProduct(weight: Pointer, input: Pointer | undefined): RegionKind {
    if (input === undefined || this.kind(weight) !== 'weight') return 'outside'
    return this.kind(input) === 'hidden' ? 'output' : 'hidden'
  }

  #valueKind(address: Pointer): RegionKind {
    const kind = this.kind(address)
    return kind === 'hidden' || kind === 'output' ? kind : 'outside'
  }

  #elementwiseKind(address: Pointer): RegionKind {
    return this.kind(address) === 'hidden' ? 'hidden' : 'outside'
  }

  #viewKind(tensor: TensorFields, source: Pointer): RegionKind {
    const kind = this.kind(source)
    if (kind !== 'output') return kind === 'hidden' || kind === 'weight' ? kind : 'outside'
    return this.op(tensor) === 'VIEW' ? 'pick' : 'output'
  }

  #sumKind(a: Pointer, b: Pointer): RegionKind {
    const left = this.kind(a)
    const right = this.kind(b)
    if ((left === 'pick' || left === 'sum') && right === 'pick') return 'sum'
    return left === 'hidden' && right === 'hidden' ? 'hidden' : 'outside'
  }

  #scaledKind(a: Pointer, b: Pointer): RegionKind {
    const left = this.kind(a)
    if (left === 'hidden') {
      const right = this.kind(b)
      return right === 'hidden' || right === 'weight' ? 'hidden' : 'outside'
    }
    if (left === 'output') return 'output'
    return left === 'input' && this.isRouterWeights(b) ? 'input' : 'outside'
  }

  /** REPEAT either spreads an expert scale over tokens, or a token over its chosen experts. */
  #repeatKind(tensor: TensorFields, source: Pointer): RegionKind {
    if (this.kind(source) === 'weight') return 'weight'
    const from = readTensor(source)
    const spreads =
      this.op(from) === 'RESHAPE' &&
      from.ne[1] === 1 &&
      from.ne[0] === tensor.ne[0] &&
      from.ne[2] === tensor.ne[2] &&
      this.#chosen.has(tensor.ne[1])
    return spreads ? 'input' : 'outside'
  }

  /** [1, nUsed, nTokens], taken out of the router's probabilities. */
  isRouterWeights(address: Pointer): boolean {
    let tensor = readTensor(address)
    if (tensor.ne[0] !== 1 || !this.#chosen.has(tensor.ne[1])) return false
    for (let depth = 0; depth < 12; depth++) {
      const op = this.op(tensor)
      if (op === 'GET_ROWS') return true
      const source = tensor.src[0]
      if (source === undefined || !WEIGHT_OPS.has(op)) return false
      tensor = readTensor(source)
    }
    return false
  }
}
