/**
 * The tensor types and metadata value types of a GGUF file, as ggml 0.5 numbers and names them.
 * Sizes follow ggml-common.h and the type traits of ggml.c; it knows no encodings.
 */

type TypeEntry = {
  /** Number in the file (`enum ggml_type`). */
  readonly id: number
  /** Elements of one row that are encoded together. */
  readonly blockSize: number
  readonly blockBytes: number
}

const entry = (id: number, blockSize: number, blockBytes: number): TypeEntry => ({
  id,
  blockSize,
  blockBytes,
})

export const TENSOR_TYPES = {
  f32: entry(0, 1, 4),
  f16: entry(1, 1, 2),
  q4_0: entry(2, 32, 18),
  q4_1: entry(3, 32, 20),
  q5_0: entry(6, 32, 22),
  q5_1: entry(7, 32, 24),
  q8_0: entry(8, 32, 34),
  q8_1: entry(9, 32, 36),
  q2_K: entry(10, 256, 84),
  q3_K: entry(11, 256, 110),
  q4_K: entry(12, 256, 144),
  q5_K: entry(13, 256, 176),
  q6_K: entry(14, 256, 210),
  q8_K: entry(15, 256, 292),
  iq2_xxs: entry(16, 256, 66),
  iq2_xs: entry(17, 256, 74),
  iq3_xxs: entry(18, 256, 98),
  iq1_s: entry(19, 256, 50),
  iq4_nl: entry(20, 32, 18),
  iq3_s: entry(21, 256, 110),
  iq2_s: entry(22, 256, 82),
  iq4_xs: entry(23, 256, 136),
  i8: entry(24, 1, 1),
  i16: entry(25, 1, 2),
  i32: entry(26, 1, 4),
  i64: entry(27, 1, 8),
  f64: entry(28, 1, 8),
  iq1_m: entry(29, 256, 56),
  bf16: entry(30, 1, 2),
  tq1_0: entry(34, 256, 54),
  tq2_0: entry(35, 256, 66),
  mxfp4: entry(39, 32, 17),
  nvfp4: entry(40, 64, 36),
  q1_0: entry(41, 128, 18),
  q2_0: entry(42, 64, 18),
} as const satisfies Record<string, TypeEntry>

export type TensorType = keyof typeof TENSOR_TYPES

const typeById = new Map<number, TensorType>(
  Object.entries(TENSOR_TYPES).map(([name, { id }]) => [id, name as TensorType]),
)

export function tensorTypeOf(id: number): TensorType | undefined {
  return typeById.get(id)
}

/** Bytes of a row of `elements`, which must be a multiple of the block size. */
export function rowBytes(type: TensorType, elements: number): number {
  const { blockSize, blockBytes } = TENSOR_TYPES[type]
  return (elements / blockSize) * blockBytes
}

/** Elements of a shape in ggml order (the contiguous dimension first). */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1)
}

export function tensorBytes(type: TensorType, shape: readonly number[]): number {
  return rowBytes(type, elementCount(shape))
}

/** Metadata value types in the order of `enum gguf_type`, with their bytes (0: length-prefixed). */
export const SCALAR_TYPES = {
  u8: { id: 0, bytes: 1 },
  i8: { id: 1, bytes: 1 },
  u16: { id: 2, bytes: 2 },
  i16: { id: 3, bytes: 2 },
  u32: { id: 4, bytes: 4 },
  i32: { id: 5, bytes: 4 },
  f32: { id: 6, bytes: 4 },
  bool: { id: 7, bytes: 1 },
  str: { id: 8, bytes: 0 },
  u64: { id: 10, bytes: 8 },
  i64: { id: 11, bytes: 8 },
  f64: { id: 12, bytes: 8 },
} as const satisfies Record<string, { id: number; bytes: number }>

export type ScalarType = keyof typeof SCALAR_TYPES

export const ARRAY_TYPE_ID = 9

const scalarById = new Map<number, ScalarType>(
  Object.entries(SCALAR_TYPES).map(([name, { id }]) => [id, name as ScalarType]),
)

export function scalarTypeOf(id: number): ScalarType | undefined {
  return scalarById.get(id)
}

/** A 64-bit integer that a double cannot hold exactly is a bigint. */
export type GgufScalar = number | bigint | boolean | string

/** An array as it lies in the file; `readArray` fetches its elements. */
export type GgufArray = {
  readonly type: 'array'
  readonly of: ScalarType
  readonly length: number
  readonly path: string
  /** Absolute offset of the first element. */
  readonly offset: number
}

export type GgufValue = { readonly type: ScalarType; readonly value: GgufScalar } | GgufArray

/** Where a tensor lies and what it is. */
export type GgufTensor = {
  readonly name: string
  readonly type: TensorType
  /** ggml order: the contiguous dimension first; 1 to 4 dimensions. */
  readonly shape: readonly number[]
  readonly bytes: number
  /** Index into the files of the model. */
  readonly file: number
  /** Absolute byte offset in that file. */
  readonly offset: number
}
