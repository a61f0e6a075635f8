/**
 * The part of an expert graph between gathering and adding up: first product(s), activation, second
 * product, each with its scale and bias. Columns may be of several experts (`mul_mat_id` picks the
 * slot of each) or all of one, whose weight is then a matrix of its own.
 */
import { defined } from '../base/assert.js'
import type { ActivationStep, ExpertRecord, Projection } from '../base/expert.js'
import { ggml } from '../native/ggml.js'
import type { Pointer } from '../native/memory.js'
import { opNames } from '../native/op-names.js'
import { readTensor } from '../native/tensor.js'
import type { ProjectionTensors, RegionPages } from './page-store.js'

const FLOAT_BYTES = 4

export type Columns = {
  /** Experts per column. */
  readonly per: number
  readonly count: number
  /** i32 [per, count]: slot of each expert; or the one slot of all columns. */
  readonly slots: Pointer | number
}

export class ExpertFfn {
  readonly #api = ggml()
  readonly #context: Pointer
  readonly #record: ExpertRecord
  readonly #pages: RegionPages

  constructor(context: Pointer, { record, pages }: { record: ExpertRecord; pages: RegionPages }) {
    this.#context = context
    this.#record = record
    this.#pages = pages
  }

  /** `x`: f32 [nEmbd, 1 or per, count]. Gives f32 [nOut, per, count], of one slot [nOut, count]. */
  build(x: Pointer, columns: Columns): Pointer {
    return this.#project('down', { x: this.#activate(x, columns), columns })
  }

  /** One product with scale and bias, [out, per, count], of one slot [out, count]. */
  #project(role: Projection, { x, columns }: { x: Pointer; columns: Columns }): Pointer {
    const tensors = defined(this.#pages.projections.get(role), `${role} tensors`)
    const record = this.#record.projections.find((projection) => projection.role === role)
    let value = this.#product(tensors, { x, columns })
    const [accumulator, source] = record?.precision ?? [0, 0]
    if (accumulator !== 0) this.#api.setAccumulatorPrecision(value, accumulator)
    if (source !== 0) this.#api.setSourcePrecision(value, source, 1)
    if (record?.hasScale === true) {
      const scale = this.#scales(defined(tensors.scale, `${role} scale`), columns)
      value = this.#api.mul(this.#context, value, scale)
    }
    if (record?.hasBias !== true) return value
    return this.#withBias(value, { bias: defined(tensors.bias, `${role} bias`), columns })
  }

  #product({ weight, slots }: ProjectionTensors, from: { x: Pointer; columns: Columns }): Pointer {
    const { x, columns } = from
    const c = this.#context
    if (typeof columns.slots !== 'number') {
      return this.#api.mulMatId(c, defined(weight, 'a weight'), x, columns.slots)
    }
    const matrices = defined(slots, 'slots as matrices')
    const rows = this.#api.reshape2d(c, x, matrices.inputs, columns.count)
    return this.#api.mulMat(c, matrices.at(columns.slots), rows)
  }

  /** The scale of each pair's expert, [1, per, count], or [1] for all. */
  #scales(scale: Pointer, { per, count, slots }: Columns): Pointer {
    const c = this.#context
    if (typeof slots === 'number') return this.#api.view1d(c, scale, 1, FLOAT_BYTES * slots)
    const flat = this.#api.reshape1d(c, slots, per * count)
    return this.#api.reshape3d(c, this.#api.getRows(c, scale, flat), 1, per, count)
  }

  #withBias(value: Pointer, { bias, columns }: { bias: Pointer; columns: Columns }): Pointer {
    const c = this.#context
    if (typeof columns.slots !== 'number') return this.#api.addId(c, value, bias, columns.slots)
    const [width] = readTensor(bias).ne
    const offset = FLOAT_BYTES * width * columns.slots
    return this.#api.add(c, value, this.#api.view1d(c, bias, width, offset))
  }

  #activate(x: Pointer, columns: Columns): Pointer {
    const values = this.#firstProducts(x, columns)
    for (const step of this.#record.activation) values.push(this.#step(step, values))
    return defined(values.at(this.#record.activation.length === 0 ? 0 : -1), 'activation')
  }

  /** Values 0 and 1 of the record: gate (or up alone) and up. */
  #firstProducts(x: Pointer, columns: Columns): Pointer[] {
    const isMerged = this.#pages.projections.has('gate_up')
    if (isMerged) return this.#halves(this.#project('gate_up', { x, columns }), columns)
    const up = this.#project('up', { x, columns })
    return [this.#pages.projections.has('gate') ? this.#project('gate', { x, columns }) : up, up]
  }

  #halves(both: Pointer, { per, count }: Columns): Pointer[] {
    const { nFf } = this.#record
    const row = 2 * nFf * FLOAT_BYTES
    const half = (offset: number): Pointer => {
      const view = this.#api.view3d(this.#context, both, nFf, per, count, row, row * per, offset)
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
}
