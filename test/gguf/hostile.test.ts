import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ErrorCode } from '../../src/base/errors.js'
import { SputnikError } from '../../src/base/errors.js'
import { GGUF_LIMITS } from '../../src/gguf/limits.js'
import { openGguf } from '../../src/gguf/reader.js'
import type { RawFile, RawTensor } from '../support/raw-gguf.js'
import { ARCHITECTURE, key, rawGguf, tensor, text, u32, u64, VALUE } from '../support/raw-gguf.js'
import { scratchDirectory } from '../support/scratch.js'

const directory = scratchDirectory()
const MAX_U64 = 2n ** 64n - 1n

type Expected = { code?: ErrorCode; says: RegExp }

function refuses(path: string, { code = 'GGUF_INVALID', says }: Expected): void {
  assert.throws(
    () => openGguf(path),
    (error) => {
      assert.ok(error instanceof SputnikError, String(error))
      assert.equal(error.code, code, error.message)
      assert.match(error.message, says)
      assert.ok(error.message.startsWith(path), `the message names the file: ${error.message}`)
      return true
    },
  )
}

function refusesBytes(bytes: Buffer, expected: Expected): void {
  const path = join(directory, 'hostile.gguf')
  writeFileSync(path, bytes)
  refuses(path, expected)
}

function refusesFile(criteria: string, raw: RawFile, expected: Expected): void {
  test(`openGguf refuses ${criteria}`, () => refusesBytes(rawGguf(raw), expected))
}

function refusesTensor(criteria: string, raw: RawTensor, expected: Expected): void {
  refusesFile(criteria, { tensors: [tensor(raw)] }, expected)
}

function refusesKey(criteria: string, entry: Buffer, expected: Expected): void {
  refusesFile(criteria, { keys: [ARCHITECTURE, entry] }, expected)
}

const alignment = (value: number) => key('general.alignment', VALUE.u32, u32(value))
const arrayOf = (type: number, length: number | bigint) =>
  key('list', VALUE.array, Buffer.concat([u32(type), u64(length)]))

test('openGguf accepts the file that the hostile ones are made from', () => {
  const path = join(directory, 'good.gguf')
  writeFileSync(path, rawGguf())
  assert.equal(openGguf(path).tensors.get('a')?.bytes, 16)
})

test('openGguf refuses an empty file', () => refusesBytes(Buffer.alloc(0), { says: /empty/ }))

test('openGguf refuses a file that is cut anywhere', () => {
  const whole = rawGguf({ keys: [ARCHITECTURE, alignment(32)] })
  for (let length = 1; length < whole.length; length++) {
    refusesBytes(whole.subarray(0, length), { says: /ends|hold|beyond/ })
  }
})

test('openGguf refuses a folder', () => refuses(directory, { says: /not a regular file/ }))

test('openGguf refuses a path that is not there', () => {
  refuses(join(directory, 'absent.gguf'), { code: 'FILE_NOT_FOUND', says: /no such file/ })
})

test('openGguf refuses a named pipe without waiting on it', { skip: !canMakePipes() }, () => {
  const path = join(directory, 'pipe.gguf')
  execFileSync('mkfifo', [path])
  refuses(path, { says: /not a regular file/ })
})

refusesFile('another magic', { magic: 'GGML' }, { says: /not a GGUF file/ })
for (const version of [0, 1, 4]) {
  refusesFile(`version ${version}`, { version }, { says: new RegExp(`version ${version} is not`) })
}
refusesFile('a big-endian file', { version: 0x03000000 }, { says: /big-endian/ })

refusesFile('a huge tensor count', { tensorCount: MAX_U64 }, { says: /tensor count/ })
refusesFile('a huge key count', { keyCount: 2n ** 63n }, { says: /key count/ })
refusesFile('more tensors than the file can hold', { tensorCount: 1e6 }, { says: /can hold/ })
refusesFile('more keys than the file can hold', { keyCount: 60_000 }, { says: /can hold/ })
refusesFile(
  'more keys than the limit',
  { keyCount: GGUF_LIMITS.keyCount + 1, dataBytes: 2_000_000 },
  { code: 'GGUF_LIMIT', says: /65537 entries/ },
)
refusesFile(
  'more tensors than the limit',
  { tensorCount: GGUF_LIMITS.tensorCount + 1, dataBytes: 40_000_000 },
  { code: 'GGUF_LIMIT', says: /entries/ },
)

refusesKey('a key of huge length', text('', MAX_U64), { says: /size/ })
refusesKey('a key longer than the file', text('k', 1e6), { says: /beyond the file/ })
refusesKey('an empty key', key('', VALUE.u32, u32(1)), { says: /empty name/ })
refusesKey('a key with a NUL', key('a\0b', VALUE.u32, u32(1)), { says: /plain text/ })
refusesKey('a repeated key', ARCHITECTURE, { says: /"general.architecture" appears twice/ })
refusesKey('an unknown value type', key('odd', 13, u32(0)), { says: /"odd".*type 13/ })
refusesKey('a string beyond the end', key('s', VALUE.str, u64(1e9)), { says: /"s".*beyond/ })
refusesKey('a string of 2^64-1 bytes', key('s', VALUE.str, u64(MAX_U64)), { says: /"s"/ })
refusesKey('an array beyond the end', arrayOf(VALUE.u32, 1e9), { says: /"list".*elements/ })
refusesKey('an array whose bytes wrap', arrayOf(VALUE.u64, 2n ** 61n + 1n), { says: /"list"/ })
refusesKey('an array of unknown elements', arrayOf(99, 1), { says: /element type 99/ })
refusesKey('an array of arrays', arrayOf(VALUE.array, 1), { says: /array of arrays/ })
refusesFile(
  'a string over the limit',
  {
    keys: [key('s', VALUE.str, text('x', GGUF_LIMITS.stringBytes + 1))],
    dataBytes: GGUF_LIMITS.stringBytes + 64,
  },
  { code: 'GGUF_LIMIT', says: /"s"/ },
)
refusesFile(
  'an array over the limit',
  {
    keys: [key('list', VALUE.array, Buffer.concat([u32(0), u64(GGUF_LIMITS.arrayElements + 1)]))],
    dataBytes: GGUF_LIMITS.arrayElements + 64,
  },
  { code: 'GGUF_LIMIT', says: /"list"/ },
)
refusesFile('a file without an architecture', { keys: [] }, { says: /general.architecture/ })
refusesFile(
  'an architecture that is no string',
  { keys: [key('general.architecture', VALUE.u32, u32(1))] },
  { says: /not a string/ },
)

for (const value of [0, 3, 48]) {
  refusesKey(`an alignment of ${value}`, alignment(value), { says: /not a power of two/ })
}
refusesKey('an alignment of 2^31', alignment(2 ** 31), { code: 'GGUF_LIMIT', says: /2147483648/ })
refusesKey('an alignment that is no u32', key('general.alignment', VALUE.i32, u32(32)), {
  says: /not a u32/,
})

for (const statedDims of [0, 5, 2 ** 32 - 1]) {
  refusesTensor(`${statedDims} dimensions`, { statedDims }, { says: /"a" has \d+ dimensions/ })
}
refusesTensor('a dimension of 2^64-1', { dims: [MAX_U64] }, { says: /"a".*size/ })
refusesTensor(
  'dimensions whose product wraps to 0',
  { dims: [2 ** 32, 2 ** 32] },
  {
    says: /larger than the file/,
  },
)
refusesTensor(
  'dimensions whose product wraps to 4',
  { dims: [4, 2 ** 31, 2 ** 31, 4] },
  { says: /larger than the file/ },
)
refusesTensor(
  'huge dimensions behind a zero',
  { dims: [0, 2 ** 40, 2 ** 40] },
  {
    says: /larger than the file/,
  },
)
for (const type of [4, 31, 43, 2 ** 32 - 1]) {
  refusesTensor(`the tensor type ${type}`, { type }, { says: /"a" has the unknown type/ })
}
refusesTensor('a row that is no multiple of the block', { type: 2 }, { says: /multiple of 32/ })
refusesTensor('an offset that is not the next', { offset: 32 }, { says: /expected 0/ })
refusesTensor('an offset that wraps', { offset: MAX_U64 - 15n }, { says: /"a".*size/ })
refusesTensor('data beyond the end', { dims: [5] }, { says: /ends beyond/ })
refusesTensor('a name of 64 bytes', { name: 'n'.repeat(64) }, { code: 'GGUF_LIMIT', says: /64/ })
refusesTensor('an empty name', { name: '' }, { says: /empty name/ })
refusesTensor('a name with a NUL', { name: 'a\0b' }, { says: /plain text/ })
refusesTensor('a name that is not UTF-8', { name: Buffer.from([0x61, 0xff]) }, { says: /plain/ })
refusesFile(
  'a repeated tensor name',
  { tensors: [tensor(), tensor({ offset: 32 })], dataBytes: 64 },
  { says: /"a" appears twice/ },
)
refusesFile(
  'overlapping tensors',
  { tensors: [tensor(), tensor({ name: 'b', offset: 0 })], dataBytes: 64 },
  { says: /"b" has the offset 0, expected 32/ },
)
refusesFile(
  'an unaligned tensor',
  { tensors: [tensor(), tensor({ name: 'b', offset: 16 })], dataBytes: 64 },
  { says: /"b" has the offset 16, expected 32/ },
)

function canMakePipes(): boolean {
  return process.platform !== 'win32'
}
