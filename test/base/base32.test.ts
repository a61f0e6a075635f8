import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase32, encodeBase32 } from '../../src/base/base32.js'

test('decodeBase32 gives back what encodeBase32 wrote', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const text = encodeBase32(bytes)
      assert.match(text, /^[0-9a-hjkmnp-tv-z]*$/)
      assert.deepEqual(decodeBase32(text), bytes)
    }),
  )
})

test('decodeBase32 accepts one text for each run of bytes, but for case and look-alikes', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 20 }), (text) => {
      const bytes = decodeBase32(text)
      if (bytes === undefined) return
      const plain = text.toLowerCase().replaceAll('o', '0').replace(/[il]/g, '1')
      assert.equal(encodeBase32(bytes), plain)
    }),
    { numRuns: 1000 },
  )
  assert.deepEqual(decodeBase32('OIL0'), decodeBase32('0110'))
  assert.equal(decodeBase32('u0'), undefined)
  assert.equal(decodeBase32('zz'), undefined)
})
