/** Builds GGUF bytes field by field, so that a test can put a lie into any of them. */

type Wide = number | bigint

export function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}

export function u64(value: Wide): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(value))
  return buffer
}

export function text(value: string | Buffer, statedLength?: Wide): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(statedLength ?? bytes.length), bytes])
}

/** Value types as numbered in the file. */
export const VALUE = { u32: 4, i32: 5, str: 8, array: 9, u64: 10 } as const

export function key(name: string, type: number, value: Buffer): Buffer {
  return Buffer.concat([text(name), u32(type), value])
}

export const ARCHITECTURE = key('general.architecture', VALUE.str, text('test'))

export type RawTensor = {
  name?: string | Buffer
  dims?: Wide[]
  statedDims?: number
  type?: number
  offset?: Wide
}

/** By default four f32 values at offset 0: 16 bytes. */
export function tensor(raw: RawTensor = {}): Buffer {
  const dims = raw.dims ?? [4]
  return Buffer.concat([
    text(raw.name ?? 'a'),
    u32(raw.statedDims ?? dims.length),
    ...dims.map((dim) => u64(dim)),
    u32(raw.type ?? 0),
    u64(raw.offset ?? 0),
  ])
}

export type RawFile = {
  magic?: string
  version?: number
  tensorCount?: Wide
  keyCount?: Wide
  keys?: Buffer[]
  tensors?: Buffer[]
  /** Bytes after the header, which is padded to `alignment`. */
  dataBytes?: number
  alignment?: number
}

export function rawGguf(raw: RawFile = {}): Buffer {
  const keys = raw.keys ?? [ARCHITECTURE]
  const tensors = raw.tensors ?? [tensor()]
  const header = Buffer.concat([
    Buffer.from(raw.magic ?? 'GGUF'),
    u32(raw.version ?? 3),
    u64(raw.tensorCount ?? tensors.length),
    u64(raw.keyCount ?? keys.length),
    ...keys,
    ...tensors,
  ])
  const alignment = raw.alignment ?? 32
  const padding = Math.ceil(header.length / alignment) * alignment - header.length
  return Buffer.concat([header, Buffer.alloc(padding + (raw.dataBytes ?? 16))])
}
