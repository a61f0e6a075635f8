/**
 * Reads `struct ggml_tensor` and `struct ggml_cgraph` (ggml.h, ggml-impl.h of the pinned release)
 * out of native memory. Knows nothing of what an operation means.
 */
import koffi from 'koffi'
import { defined } from '../base/assert.js'
import { copyNative } from './libc.js'
import { allocateCollected, type NativeBuffer, NULL, type Pointer, readNative } from './memory.js'

/** Byte offsets inside `struct ggml_tensor`, 64-bit ABI. */
const OFFSET = {
  type: 0,
  buffer: 8,
  ne: 16,
  nb: 48,
  op: 80,
  params: 84,
  flags: 148,
  src: 152,
  viewSource: 232,
  viewOffset: 240,
  data: 248,
  name: 256,
  bytes: 336,
} as const

const SOURCES_MAX = 10

/** A copy of the fields of one tensor, taken when it was read. */
export type TensorFields = {
  readonly address: Pointer
  readonly type: number
  readonly buffer: Pointer
  /** Elements per dimension, ggml order. */
  readonly ne: readonly [number, number, number, number]
  /** Strides in bytes. */
  readonly nb: readonly [number, number, number, number]
  readonly op: number
  readonly flags: number
  readonly src: readonly Pointer[]
  readonly viewSource: Pointer
  readonly viewOffset: number
  readonly data: Pointer
  readonly name: string
  /** Operation parameter `index` as the 32-bit integer or float it is. */
  intParam(index: number): number
  floatParam(index: number): number
}

/** Where a tensor is copied to before it is read: a view of its own memory takes far longer. */
let scratch: NativeBuffer | undefined

export function readTensor(address: Pointer): TensorFields {
  scratch ??= allocateCollected(OFFSET.bytes)
  const { view, bytes } = scratch
  copyNative(scratch.address, address, OFFSET.bytes)
  const ints = readParams((offset) => view.getInt32(offset, true))
  const floats = readParams((offset) => view.getFloat32(offset, true))
  return {
    address,
    type: view.getInt32(OFFSET.type, true),
    buffer: view.getBigUint64(OFFSET.buffer, true),
    ne: readFour(view, OFFSET.ne),
    nb: readFour(view, OFFSET.nb),
    op: view.getInt32(OFFSET.op, true),
    flags: view.getInt32(OFFSET.flags, true),
    src: readSources(view),
    viewSource: view.getBigUint64(OFFSET.viewSource, true),
    viewOffset: readSize(view, OFFSET.viewOffset),
    data: view.getBigUint64(OFFSET.data, true),
    name: nameOf(bytes),
    intParam: (index) => defined(ints[index], 'a parameter'),
    floatParam: (index) => defined(floats[index], 'a parameter'),
  }
}

function readParams(read: (offset: number) => number): number[] {
  const params: number[] = []
  for (let offset: number = OFFSET.params; offset < OFFSET.flags; offset += 4) {
    params.push(read(offset))
  }
  return params
}

/** Without the detour over a bigint. */
function readSize(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + 2 ** 32 * view.getUint32(offset + 4, true)
}

function readFour(view: DataView, offset: number): [number, number, number, number] {
  return [
    readSize(view, offset),
    readSize(view, offset + 8),
    readSize(view, offset + 16),
    readSize(view, offset + 24),
  ]
}

function readSources(view: DataView): Pointer[] {
  const sources: Pointer[] = []
  for (let index = 0; index < SOURCES_MAX; index++) {
    const source = view.getBigUint64(OFFSET.src + 8 * index, true)
    if (source === NULL) break
    sources.push(source)
  }
  return sources
}

const decoder = new TextDecoder()

function nameOf(bytes: Uint8Array): string {
  const field = bytes.subarray(OFFSET.name, OFFSET.name + 64)
  const end = field.indexOf(0)
  return decoder.decode(field.subarray(0, end < 0 ? 64 : end))
}

/** Where a tensor's data lies; cheaper than `readTensor` for the hot path. */
export function tensorData(address: Pointer): Pointer {
  return readPointer(address + BigInt(OFFSET.data))
}

/** Operation number alone, for the question asked most often. */
export function opOf(address: Pointer): number {
  return koffi.decode.int32(address + BigInt(OFFSET.op))
}

/** The buffer type of a `struct ggml_backend_buffer`, which follows its table of 11 functions. */
export function bufferTypeOf(buffer: Pointer): Pointer {
  return readPointer(buffer + 88n)
}

const GRAPH_NODES_OFFSET = 16n

/** The node that is computed first. */
export function firstNode(graph: Pointer): Pointer {
  return readPointer(readPointer(graph + GRAPH_NODES_OFFSET))
}

function readPointer(address: Pointer): Pointer {
  return BigInt(koffi.decode.uint64(address))
}

/** Addresses of the nodes of a `struct ggml_cgraph`, in the order of computation. */
export function graphNodes(graph: Pointer): Pointer[] {
  const head = new DataView(readNative(graph, 24).buffer)
  const count = head.getInt32(4, true)
  if (count === 0) return []
  const table = readNative(head.getBigUint64(16, true), 8 * count)
  return Array.from(new BigUint64Array(table.buffer))
}
