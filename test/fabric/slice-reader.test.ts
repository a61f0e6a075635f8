import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { readSlices, SliceReader } from '../../src/fabric/slice-reader.js'
import { scratchDirectory } from '../support/scratch.js'

const folder = scratchDirectory()
const contents = [0, 1].map((file) =>
  Buffer.from(Array.from({ length: 5000 }, (_, i) => i * 7 + file)),
)
const paths = contents.map((bytes, file) => {
  const path = join(folder, `${file}.bin`)
  writeFileSync(path, bytes)
  return path
})

const slice = fc.record({
  file: fc.nat({ max: 1 }),
  offset: fc.nat({ max: 4000 }),
  bytes: fc.integer({ min: 1, max: 1000 }),
})

test('SliceReader reads any range across any slices', async () => {
  const reader = new SliceReader(paths)
  const property = fc.asyncProperty(
    fc.array(slice, { minLength: 1, maxLength: 5 }),
    fc.nat(),
    fc.nat(),
    async (slices, from, count) => {
      const page = Buffer.concat(
        slices.map(({ file, offset, bytes }) =>
          (contents[file] ?? Buffer.of()).subarray(offset, offset + bytes),
        ),
      )
      const offset = from % page.length
      const length = 1 + (count % (page.length - offset))
      const read = await reader.read(slices, { offset, length })
      assert.deepEqual(Buffer.from(read), page.subarray(offset, offset + length))
    },
  )
  await fc.assert(property, { numRuns: 200 })
  await reader.close()
})

test('SliceReader fails beyond the page, beyond the file, and without the file', async () => {
  const reader = new SliceReader([...paths, join(folder, 'late.bin')])
  const failed = { code: 'FILE_UNREADABLE' }
  const one = [{ file: 0, offset: 0, bytes: 10 }]
  await assert.rejects(reader.read(one, { offset: 5, length: 6 }), failed)
  const end = [{ file: 0, offset: 4995, bytes: 10 }]
  await assert.rejects(reader.read(end, { offset: 0, length: 10 }), failed)
  const late = [{ file: 2, offset: 0, bytes: 2 }]
  await assert.rejects(reader.read(late, { offset: 0, length: 2 }), /ENOENT/)
  writeFileSync(join(folder, 'late.bin'), 'ab')
  assert.equal(String(await reader.read(late, { offset: 0, length: 2 })), 'ab')
  rmSync(join(folder, 'late.bin'))
  const gone = { slices: one, range: { offset: 0, length: 1 } }
  await assert.rejects(readSlices([join(folder, 'late.bin')], gone), /ENOENT/)
  await reader.close()
})
