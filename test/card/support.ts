/**
 * Regions of a small random model on a card in the test's own process, and the same experts computed
 * one number after the other, with nothing of ggml but its number formats.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { defined } from '../../src/base/assert.js'
import type {
  ActivationStep,
  ExpertRecord,
  Projection,
  ProjectionRecord,
} from '../../src/base/expert.js'
import { Kernel } from '../../src/card/kernel.js'
import { PageStore } from '../../src/card/page-store.js'
import { KernelDevice } from '../../src/card/placed-graph.js'
import type { Load, LoadTensor, PageSource } from '../../src/fabric/control.js'
import {
  type Dispatch,
  dispatchLayout,
  encodingByte,
  readDispatch,
  type WireFormat,
} from '../../src/fabric/dispatch.js'
import {
  decodeRows,
  type Encoding,
  encodedRowBytes,
  encodeRows,
} from '../../src/fabric/encoding.js'
import { FRAME, HEADER_BYTES } from '../../src/fabric/frame.js'
import { mapPages } from '../../src/gguf/pages.js'
import { openGguf } from '../../src/gguf/reader.js'
import { TENSOR_TYPES, tensorTypeOf } from '../../src/gguf/types.js'
import { DEVICE_TYPE, ggml } from '../../src/native/ggml.js'
import { loadLibraries } from '../../src/native/library.js'
import { allocateNative, type Pointer } from '../../src/native/memory.js'
import { createThreadpool, useThreadpool } from '../../src/native/threadpool.js'

export type RegionChoice = {
  /** Which tensors the model is said to have, by role and kind, as in `up.weight`. */
  readonly tensors: readonly string[]
  readonly pages: readonly number[]
}

/** What a head would tell a card to load: one region, the first with experts. */
export function loadOf(path: string, { tensors, pages }: RegionChoice): Load {
  const gguf = openGguf(path)
  const layer = defined(mapPages(gguf).layers[0], 'a layer with experts')
  const chosen = layer.tensors.filter(({ role, kind }) => tensors.includes(`${role}.${kind}`))
  return {
    files: gguf.files.map((file) => file.path),
    device: 'cpu',
    threads: 1,
    regions: [
      {
        layer: layer.layer,
        group: layer.group,
        experts: layer.experts,
        pages: [...pages],
        tensors: chosen.map(({ type, shape, ...tensor }) => ({
          ...tensor,
          shape: [...shape],
          typeId: TENSOR_TYPES[type].id,
        })),
      },
    ],
  }
}

let pool: Pointer | undefined

function threadpool(): Pointer {
  pool ??= createThreadpool(1)
  return pool
}

export function openKernel(load: Load, record: ExpertRecord): Kernel {
  return openStore(load, record).kernel
}

/** A kernel and the pages it computes with, which may change. */
export function openStore(
  load: Load,
  record: ExpertRecord,
): { readonly kernel: Kernel; readonly store: PageStore } {
  loadLibraries('cpu')
  const device = defined(ggml().deviceByType(DEVICE_TYPE.cpu), 'the CPU')
  const backend = defined(ggml().deviceInit(device, null), 'its backend')
  useThreadpool(backend, { pool: threadpool(), threads: 1 })
  const store = new PageStore(load, { device, onProgress: () => {} })
  const pages = defined(store.regions[0], 'pages of the region')
  const kernel = new Kernel(record, {
    pages,
    device: new KernelDevice(backend, ggml().deviceBufferType(device)),
  })
  return { kernel, store }
}

/** Writes pages of the first region into one file, each as a store of pages would keep it. */
export function writePages(
  load: Load,
  { experts, file }: { experts: readonly number[]; file: string },
): PageSource[] {
  const region = defined(load.regions[0], 'a region')
  const target = openSync(file, 'w')
  let offset = 0
  const sources = experts.map((expert) => {
    const source = { file, offset }
    for (const tensor of region.tensors) {
      writeSync(target, bytesOfSlice(load, tensor, expert))
      offset += tensor.sliceBytes
    }
    return source
  })
  closeSync(target)
  return sources
}

/** A record for tensors of a load; a model of `testModel` chooses 3 of 8 experts. */
export function recordOf(
  load: Load,
  rest: Pick<ExpertRecord, 'activation' | 'weights'> & { readonly nUsed?: number },
): ExpertRecord {
  const region = defined(load.regions[0], 'a region')
  const find = (role: Projection, kind: string) =>
    region.tensors.find((tensor) => tensor.role === role && tensor.kind === kind)
  const roles = (['gate', 'up', 'gate_up', 'down'] as const).filter((role) => find(role, 'weight'))
  const [nFf = 0, nOut = 0, nExpert = 0] = defined(find('down', 'weight'), 'down').shape
  const projections = roles.map(
    (role): ProjectionRecord => ({
      role,
      hasScale: find(role, 'scale') !== undefined,
      hasBias: find(role, 'bias') !== undefined,
      precision: [0, 0],
    }),
  )
  const nEmbd = defined(find(roles[0] ?? 'up', 'weight'), 'first weight').shape[0] ?? 0
  const { layer, group } = region
  return { layer, group, nEmbd, nOut, nFf, nExpert, nUsed: 3, projections, ...rest }
}

export type Token = {
  readonly x: Float32Array
  readonly pairs: ReadonlyArray<{ readonly expert: number; readonly weight: number }>
}

const PLAIN: WireFormat = { dispatch: 'f32', combine: 'f32', isSummed: true }

/** Sends tokens through the kernel as a frame; a sum per token or a row per pair comes back. */
export function computeOnCard(
  kernel: Kernel,
  tokens: readonly Token[],
  format: WireFormat = PLAIN,
): Float32Array[] {
  const { nOut } = kernel.record
  const dispatch = dispatchOf(kernel.record, tokens, format)
  const count = format.isSummed ? tokens.length : dispatch.pairs
  const answer = allocateNative(count * encodedRowBytes(format.combine, nOut))
  kernel.compute(dispatch, answer.address)
  const sums = allocateNative(4 * count * nOut)
  decodeRows(format.combine, answer.address, { address: sums.address, count, width: nOut })
  return Array.from({ length: count }, (_, i) => sums.f32.slice(i * nOut, (i + 1) * nOut))
}

/** A dispatch as a card gets it. */
export function dispatchOf(
  { nEmbd, nOut, nUsed }: ExpertRecord,
  tokens: readonly Token[],
  format: WireFormat = PLAIN,
): Dispatch {
  const frame = dispatchFrame({ nEmbd }, { tokens, encoding: format.dispatch })
  const header = {
    payloadBytes: frame.bytes.length - HEADER_BYTES,
    kind: FRAME.dispatch,
    encoding: encodingByte(format),
    region: 0,
    step: 0,
    attempt: 0,
    tokens: tokens.length,
    computeUs: 0,
  }
  const bounds = { nEmbd, nOut, nUsed }
  return readDispatch(frame, { bytes: frame.bytes.length, header, bounds })
}

export function dispatchFrame(
  { nEmbd }: Pick<ExpertRecord, 'nEmbd'>,
  { tokens, encoding }: { tokens: readonly Token[]; encoding: Encoding },
) {
  const pairs = tokens.flatMap((token) => token.pairs)
  const rowBytes = encodedRowBytes(encoding, nEmbd)
  const layout = dispatchLayout({ tokens: tokens.length, pairs: pairs.length, rowBytes })
  const frame = allocateNative(layout.bytes)
  tokens.forEach((token, i) => {
    frame.u16[layout.counts / 2 + i] = token.pairs.length
    const source = allocateNative(4 * nEmbd)
    source.f32.set(token.x)
    const target = frame.address + BigInt(layout.rows + i * rowBytes)
    encodeRows(encoding, { address: source.address, count: 1, width: nEmbd }, target)
  })
  pairs.forEach(({ expert, weight }, i) => {
    frame.u16[layout.experts / 2 + i] = expert
    frame.f32[layout.weights / 4 + i] = weight
  })
  return frame
}

/** How ggml names the function that decodes a row. */
const DECODERS: Readonly<Record<string, string>> = {
  f16: 'ggml_fp16_to_fp32_row',
  q8_0: 'dequantize_row_q8_0',
  q4_0: 'dequantize_row_q4_0',
  q4_K: 'dequantize_row_q4_K',
  mxfp4: 'dequantize_row_mxfp4',
}

function bytesOfSlice(load: Load, tensor: LoadTensor, expert: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(tensor.sliceBytes)
  const file = openSync(defined(load.files[tensor.file], 'file'), 'r')
  readSync(file, bytes, 0, bytes.length, tensor.offset + expert * bytes.length)
  closeSync(file)
  return bytes
}

/** One expert's slice of a tensor as numbers. */
function sliceOf(load: Load, tensor: LoadTensor, expert: number): Float32Array {
  const bytes = bytesOfSlice(load, tensor, expert)
  const type = defined(tensorTypeOf(tensor.typeId), 'type')
  if (type === 'f32') return new Float32Array(bytes.buffer)
  const { blockSize, blockBytes } = TENSOR_TYPES[type]
  const values = new Float32Array((bytes.length / blockBytes) * blockSize)
  const decoder = defined(DECODERS[type], `a decoder of ${type}`)
  const decode = loadLibraries().base.func(decoder, 'void', ['void *', 'void *', 'int64_t'])
  decode(bytes, values, values.length)
  return values
}

/** The slow twin of a kernel. */
export class NaiveExperts {
  readonly #load: Load
  readonly #record: ExpertRecord
  readonly #slices = new Map<string, Float32Array>()

  constructor(load: Load, record: ExpertRecord) {
    this.#load = load
    this.#record = record
  }

  compute(token: Token): Float64Array {
    const { nOut, weights } = this.#record
    const sum = new Float64Array(nOut)
    const known = new Map<number, Float64Array>()
    for (const { expert, weight } of token.pairs) {
      const before = weights === 'before' ? weight : 1
      const after = weights === 'after' ? weight : 1
      const x = Float64Array.from(token.x, (value) => value * before)
      const out = (before === 1 ? known.get(expert) : undefined) ?? this.#expert(expert, x)
      known.set(expert, out)
      for (let i = 0; i < nOut; i++) sum[i] = (sum[i] ?? 0) + after * (out[i] ?? Number.NaN)
    }
    return sum
  }

  #expert(expert: number, x: Float64Array): Float64Array {
    const roles = this.#record.projections.map((projection) => projection.role)
    const values: Float64Array[] = []
    if (roles.includes('gate_up')) {
      const both = this.#project('gate_up', { expert, x })
      const { nFf } = this.#record
      values.push(both.slice(0, nFf), both.slice(nFf))
    } else {
      const up = this.#project('up', { expert, x })
      values.push(roles.includes('gate') ? this.#project('gate', { expert, x }) : up, up)
    }
    for (const step of this.#record.activation) values.push(activate(step, values))
    return this.#project('down', { expert, x: defined(values.at(-1), 'hidden') })
  }

  #project(role: Projection, { expert, x }: { expert: number; x: Float64Array }): Float64Array {
    const weight = defined(this.#slice(role, { kind: 'weight', expert }), 'weight')
    const scale = this.#slice(role, { kind: 'scale', expert })?.[0] ?? 1
    const bias = this.#slice(role, { kind: 'bias', expert })
    const out = new Float64Array(weight.length / x.length)
    for (let row = 0; row < out.length; row++) {
      const sum = dot(weight.subarray(row * x.length, (row + 1) * x.length), x)
      out[row] = sum * scale + (bias?.[row] ?? 0)
    }
    return out
  }

  #slice(
    role: Projection,
    { kind, expert }: { kind: string; expert: number },
  ): Float32Array | undefined {
    const region = defined(this.#load.regions[0], 'region')
    const tensor = region.tensors.find((one) => one.role === role && one.kind === kind)
    if (tensor === undefined) return undefined
    const key = `${role} ${kind} ${expert}`
    const slice = this.#slices.get(key) ?? sliceOf(this.#load, tensor, expert)
    this.#slices.set(key, slice)
    return slice
  }
}

function dot(a: Float32Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < b.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))
const clamp = (v: number, min: number, max: number) => Math.min(Math.max(v, min), max)

const UNARY: Readonly<Record<string, (v: number) => number>> = {
  SILU: (v) => v * sigmoid(v),
  RELU: (v) => Math.max(0, v),
  SIGMOID: sigmoid,
  TANH: Math.tanh,
}

type Glu = ActivationStep & { op: 'glu' }

const GLU: Readonly<Record<string, (gate: number, up: number, step: Glu) => number>> = {
  REGLU: (gate, up) => Math.max(0, gate) * up,
  SWIGLU: (gate, up) => gate * sigmoid(gate) * up,
  SWIGLU_OAI: (gate, up, { alpha, limit }) => {
    const x = Math.min(gate, limit)
    return x * sigmoid(alpha * x) * (clamp(up, -limit, limit) + 1)
  },
  SWIGLU_CLAMP: (gate, up, { limit }) => {
    const x = Math.min(gate, limit)
    return x * sigmoid(x) * clamp(up, -limit, limit)
  },
}

function activate(step: ActivationStep, values: readonly Float64Array[]): Float64Array {
  const value = (number: number): Float64Array => defined(values[number], `value ${number}`)
  const both = (a: number, b: number, of: (x: number, y: number) => number): Float64Array =>
    value(a).map((x, i) => of(x, value(b)[i] ?? Number.NaN))
  switch (step.op) {
    case 'unary':
      return value(step.x).map(defined(UNARY[step.fn], step.fn))
    case 'sqr':
      return value(step.x).map((v) => v * v)
    case 'scale':
      return value(step.x).map((v) => v * step.scale + step.bias)
    case 'clamp':
      return value(step.x).map((v) => clamp(v, step.min, step.max))
    case 'mul':
      return both(step.a, step.b, (x, y) => x * y)
    case 'add':
      return both(step.a, step.b, (x, y) => x + y)
    case 'glu':
      return both(step.gate, step.up, (x, y) => defined(GLU[step.fn], step.fn)(x, y, step))
  }
}

/** Squared error as a share of the squared values. */
export function normalizedError(
  found: ReadonlyArray<ArrayLike<number>>,
  wanted: ReadonlyArray<ArrayLike<number>>,
): number {
  let error = 0
  let power = 0
  wanted.forEach((row, i) => {
    for (let j = 0; j < row.length; j++) {
      const value = row[j] ?? Number.NaN
      error += (value - (found[i]?.[j] ?? Number.NaN)) ** 2
      power += value ** 2
    }
  })
  return error / power
}
