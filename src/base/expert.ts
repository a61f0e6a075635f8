/**
 * What the routed experts of one layer compute, as a fixed record that can be checked and sent to a
 * card. It never holds an address, a stride or a graph. Knows nothing of ggml.
 */

/**
 * Names of the tensors that make up pages (llama-arch.cpp): weights, biases and scales of the
 * routed experts of a layer, and of the second set that some architectures have.
 */
export const EXPERT_TENSOR =
  /^blk\.(\d+)\.ffn_(gate|up|down|gate_up)_(ch)?exps\.(weight|bias|scale)$/

export const UNARY_FUNCTIONS = [
  'ABS',
  'SGN',
  'NEG',
  'STEP',
  'TANH',
  'ELU',
  'RELU',
  'SIGMOID',
  'GELU',
  'GELU_QUICK',
  'SILU',
  'HARDSWISH',
  'HARDSIGMOID',
  'EXP',
  'EXPM1',
  'SOFTPLUS',
  'GELU_ERF',
  'FLOOR',
  'CEIL',
  'ROUND',
  'TRUNC',
] as const

export const GLU_FUNCTIONS = [
  'REGLU',
  'GEGLU',
  'SWIGLU',
  'SWIGLU_OAI',
  'GEGLU_ERF',
  'GEGLU_QUICK',
  'SWIGLU_CLAMP',
] as const

export type UnaryFunction = (typeof UNARY_FUNCTIONS)[number]
export type GluFunction = (typeof GLU_FUNCTIONS)[number]

/**
 * One element-wise step between the first and the second matrix product. Operands are numbers of
 * earlier values: 0 is the gate (or the up projection when there is no gate), 1 the up projection,
 * 2 + i the result of step i.
 */
export type ActivationStep =
  | { readonly op: 'unary'; readonly fn: UnaryFunction; readonly x: number }
  | {
      readonly op: 'glu'
      readonly fn: GluFunction
      readonly gate: number
      readonly up: number
      readonly alpha: number
      readonly limit: number
    }
  | { readonly op: 'mul' | 'add'; readonly a: number; readonly b: number }
  | { readonly op: 'sqr'; readonly x: number }
  | { readonly op: 'scale'; readonly x: number; readonly scale: number; readonly bias: number }
  | { readonly op: 'clamp'; readonly x: number; readonly min: number; readonly max: number }

export const PROJECTIONS = ['gate', 'up', 'gate_up', 'down'] as const
export type Projection = (typeof PROJECTIONS)[number]

/** How one matrix product of an expert is made. */
export type ProjectionRecord = {
  readonly role: Projection
  /** Multiplied by a number per expert right after the product. */
  readonly hasScale: boolean
  /** A vector per expert is added after the scale. */
  readonly hasBias: boolean
  /** ggml precision hints: of the accumulator and of the activations; 0 is the default. */
  readonly precision: readonly [accumulator: number, source: number]
}

export type ExpertRecord = {
  readonly layer: number
  /** '' for `exps` tensors, 'ch' for the second set (`chexps`) some architectures have. */
  readonly group: '' | 'ch'
  readonly nEmbd: number
  readonly nOut: number
  readonly nFf: number
  readonly nExpert: number
  /** Experts chosen per token. */
  readonly nUsed: number
  readonly projections: readonly ProjectionRecord[]
  readonly activation: readonly ActivationStep[]
  /** Whether the router weights multiply the input, the output, or nothing. */
  readonly weights: 'before' | 'after' | 'none'
}

/** Key of a set of experts: a layer, or the second set of a layer. */
export function regionKey(record: { layer: number; group: '' | 'ch' }): string {
  return `${record.layer}${record.group}`
}

export const ACTIVATION_STEPS_MAX = 32
