import assert from 'node:assert/strict'
import { closeSync, copyFileSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { defined } from '../../src/base/assert.js'
import { SputnikError } from '../../src/base/errors.js'
import { mapPages } from '../../src/gguf/pages.js'
import { openGguf } from '../../src/gguf/reader.js'
import { testModel } from '../support/models.js'
import { scratchDirectory } from '../support/scratch.js'

const model = testModel('gpt-oss')
const path = join(scratchDirectory(), 'fuzzed.gguf')
copyFileSync(model, path)
const fd = openSync(path, 'r+')
after(() => closeSync(fd))

const { dataOffset } = defined(openGguf(model).files[0], 'the file of the model')
const header = readFileSync(model).subarray(0, dataOffset)
const MEMORY_BYTES = 256 * 1024 * 1024

/** Reads everything the reader offers; anything but a SputnikError escapes. */
function readAll(): boolean {
  try {
    const damaged = openGguf(path)
    for (const [key, value] of damaged.metadata) if (value.type === 'array') damaged.getArray(key)
    mapPages(damaged)
    return true
  } catch (error) {
    if (error instanceof SputnikError) return false
    throw error
  }
}

const mutation = fc.record({
  position: fc.nat(dataOffset - 1),
  bytes: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
    fc.constantFrom(0, 0xff, 0x7f, 0x80).map((byte) => new Uint8Array(8).fill(byte)),
  ),
})

test('openGguf returns or throws a SputnikError for any damaged header', () => {
  const outcomes = new Set<boolean>()
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
      const damaged = Buffer.from(header)
      for (const { position, bytes } of mutations) {
        damaged.set(bytes.subarray(0, header.length - position), position)
      }
      writeSync(fd, damaged, 0, damaged.length, 0)
      outcomes.add(readAll())
      const { external, heapUsed } = process.memoryUsage()
      assert.ok(external + heapUsed < MEMORY_BYTES)
    }),
    { numRuns: 5000 },
  )
  assert.deepEqual([...outcomes].sort(), [false, true])
})

test('openGguf never accepts a header that is cut', () => {
  const cut = join(scratchDirectory(), 'cut.gguf')
  fc.assert(
    fc.property(fc.nat(dataOffset - 1), (length) => {
      writeFileSync(cut, header.subarray(0, length))
      assert.throws(() => openGguf(cut), { name: 'SputnikError' })
    }),
    { numRuns: 300 },
  )
})
