import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { SputnikError } from '../../src/base/errors.js'
import type { MetadataEntry } from '../../src/gguf/encode-header.js'
import type { GgufModel } from '../../src/gguf/reader.js'
import { openGguf } from '../../src/gguf/reader.js'
import type { GgufScalar } from '../../src/gguf/types.js'
import { tensorBytes } from '../../src/gguf/types.js'
import type { TensorSource } from '../../src/gguf/writer.js'
import { writeGguf, writeSplitGguf } from '../../src/gguf/writer.js'
import { scratchDirectory } from '../support/scratch.js'

const directory = scratchDirectory()
const ARCHITECTURE = { 'general.architecture': { type: 'str', value: 'test' } } as const

/** A tensor whose bytes are all `fill`, given in two chunks. */
function filled(name: string, shape: number[], fill: number): TensorSource {
  const bytes = tensorBytes('f32', shape)
  const half = Math.floor(bytes / 2)
  const chunks = () => [new Uint8Array(half).fill(fill), new Uint8Array(bytes - half).fill(fill)]
  return { name, type: 'f32', shape, chunks }
}

function bytesOf(model: GgufModel, name: string): Buffer {
  const tensor = model.tensors.get(name)
  assert.ok(tensor)
  const path = model.files[tensor.file]?.path ?? ''
  return readFileSync(path).subarray(tensor.offset, tensor.offset + tensor.bytes)
}

const scalars: fc.Arbitrary<{ type: 'u8'; value: GgufScalar } | MetadataEntry> = fc.oneof(
  integer('u8', { min: 0n, max: 255n }),
  integer('i8', { min: -128n, max: 127n }),
  integer('u16', { min: 0n, max: 65535n }),
  integer('i16', { min: -32768n, max: 32767n }),
  integer('u32', { min: 0n, max: 2n ** 32n - 1n }),
  integer('i32', { min: -(2n ** 31n), max: 2n ** 31n - 1n }),
  integer('u64', { min: 0n, max: 2n ** 64n - 1n }),
  integer('i64', { min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.float({ noNaN: true }).map((value) => ({ type: 'f32' as const, value })),
  fc.double({ noNaN: true }).map((value) => ({ type: 'f64' as const, value })),
  fc.boolean().map((value) => ({ type: 'bool' as const, value })),
  fc.string({ unit: 'binary' }).map((value) => ({ type: 'str' as const, value })),
)

function integer(
  type: 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64',
  range: { min: bigint; max: bigint },
) {
  return fc.bigInt(range).map((wide) => {
    const narrow = Number(wide)
    return { type, value: Number.isSafeInteger(narrow) ? narrow : wide }
  })
}

const arrays: fc.Arbitrary<MetadataEntry> = fc.oneof(
  fc
    .array(fc.string({ unit: 'binary' }))
    .map((value) => ({ type: 'array' as const, of: 'str' as const, value })),
  fc.array(fc.integer()).map((value) => ({ type: 'array' as const, of: 'i32' as const, value })),
  fc.array(fc.boolean()).map((value) => ({ type: 'array' as const, of: 'bool' as const, value })),
)

test('openGguf reads every metadata value that writeGguf writes', () => {
  const path = join(directory, 'metadata.gguf')
  const name = fc.string({ unit: 'grapheme-ascii', minLength: 1 }).map((text) => `x.${text}`)
  fc.assert(
    fc.property(fc.dictionary(name, fc.oneof(scalars, arrays)), (entries) => {
      writeGguf(path, { metadata: { ...ARCHITECTURE, ...entries }, tensors: [] })
      const model = openGguf(path)
      for (const [key, entry] of Object.entries(entries)) {
        const read = model.metadata.get(key)
        assert.equal(read?.type, entry.type)
        const value = read?.type === 'array' ? model.getArray(key) : read?.value
        assert.deepEqual(value, entry.value)
      }
    }),
    { numRuns: 200 },
  )
})

test('openGguf finds the bytes of every tensor that writeGguf writes', () => {
  const path = join(directory, 'tensors.gguf')
  const tensors = [filled('a', [3], 1), filled('b', [5, 7], 2), filled('c', [1, 2, 3, 4], 3)]
  writeGguf(path, { metadata: ARCHITECTURE, tensors })
  const model = openGguf(path)
  assert.deepEqual([...model.tensors.keys()], ['a', 'b', 'c'])
  for (const [i, { name, shape }] of tensors.entries()) {
    assert.deepEqual(model.tensors.get(name)?.shape, shape)
    const bytes = bytesOf(model, name)
    assert.equal(bytes.length, tensorBytes('f32', shape))
    assert.ok(bytes.every((byte) => byte === i + 1))
  }
})

test('getNumber and its kin refuse a value of another type', () => {
  const path = join(directory, 'typed.gguf')
  const metadata: Record<string, MetadataEntry> = {
    ...ARCHITECTURE,
    text: { type: 'str', value: 'x' },
    list: { type: 'array', of: 'str', value: ['x'] },
  }
  writeGguf(path, { metadata, tensors: [] })
  const model = openGguf(path)
  assert.equal(model.getNumber('absent'), undefined)
  assert.equal(model.getString('text'), 'x')
  assert.deepEqual(model.getStrings('list'), ['x'])
  const wrong = { code: 'GGUF_INVALID' }
  assert.throws(() => model.getNumber('text'), wrong)
  assert.throws(() => model.getString('list'), wrong)
  assert.throws(() => model.getArray('text'), wrong)
  assert.throws(() => model.getNumbers('list'), wrong)
})

const SPLIT_TENSORS = [1, 2, 3, 4, 5].map((fill) => filled(`t${fill}`, [fill, 10], fill))

function writeSplits(name: string): string[] {
  const prefix = join(directory, name)
  const metadata = ARCHITECTURE
  const first = writeSplitGguf(prefix, { metadata, tensors: SPLIT_TENSORS, count: 3 })
  return [1, 2, 3].map((n) => first.replace('-00001-of', `-0000${n}-of`))
}

test('openGguf opens all files of a split model, whichever is named', () => {
  const paths = writeSplits('whole')
  for (const path of paths) {
    const model = openGguf(path)
    assert.equal(model.path, paths[0])
    assert.deepEqual(
      model.files.map((file) => file.path),
      paths,
    )
    assert.equal(model.architecture, 'test')
    for (const [i, { name }] of SPLIT_TENSORS.entries()) {
      assert.ok(bytesOf(model, name).every((byte) => byte === i + 1))
    }
  }
})

function refuses(path: string, code: string, says: RegExp): void {
  assert.throws(
    () => openGguf(path),
    (error) => error instanceof SputnikError && error.code === code && says.test(error.message),
  )
}

test('openGguf names the missing file of a split model', () => {
  const [first = '', second = ''] = writeSplits('missing')
  rmSync(second)
  refuses(first, 'FILE_NOT_FOUND', /missing-00002-of-00003\.gguf.*missing \(1 of 3/)
})

test('openGguf refuses a split file in the place of another', () => {
  const [first = '', second = '', third = ''] = writeSplits('swapped')
  writeFileSync(second, readFileSync(third))
  refuses(first, 'GGUF_INVALID', /split\.no 2.*expected 1/)
})

test('openGguf refuses a whole model in the place of a split file', () => {
  const [first = '', second = ''] = writeSplits('foreign')
  writeGguf(second, { metadata: ARCHITECTURE, tensors: [] })
  refuses(first, 'GGUF_INVALID', /split\.no undefined/)
})

test('openGguf refuses a split model whose tensor count is wrong', () => {
  const [first = '', second = ''] = writeSplits('short')
  const number = { type: 'u16', value: 1 } as const
  const count = { type: 'u16', value: 3 } as const
  writeGguf(second, { metadata: { 'split.no': number, 'split.count': count }, tensors: [] })
  refuses(first, 'GGUF_INVALID', /split\.tensors\.count is 5/)
})

test('openGguf refuses a split model with a tensor in two files', () => {
  const [first = '', , third = ''] = writeSplits('twice')
  const keys = { 'split.no': 2, 'split.count': 3 }
  const metadata = Object.fromEntries(
    Object.entries(keys).map(([key, value]) => [key, { type: 'u16' as const, value }]),
  )
  writeGguf(third, { metadata, tensors: [filled('t1', [4], 9), filled('t4', [4], 9)] })
  refuses(first, 'GGUF_INVALID', /"t1" is in two split files/)
})

test('openGguf refuses a split file under another name', () => {
  const [first = ''] = writeSplits('renamed')
  const path = join(directory, 'renamed.gguf')
  writeFileSync(path, readFileSync(first))
  refuses(path, 'GGUF_INVALID', /must be named/)
})
