import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeBase32 } from '../../src/base/base32.js'
import {
  formatJoinKey,
  JOIN_KEY_PREFIX,
  type JoinKey,
  KEY_ID_BYTES,
  parseJoinKey,
  SECRET_BYTES,
} from '../../src/fabric/join-key.js'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const hex = (length: number) => bytes(length).map((part) => Buffer.from(part).toString('hex'))
const anyKey = fc
  .tuple(hex(32), bytes(KEY_ID_BYTES).map(encodeBase32), hex(SECRET_BYTES))
  .map(([pin, id, secret]): JoinKey => ({ pin, id, secret }))

test('parseJoinKey reads what formatJoinKey wrote', () => {
  fc.assert(
    fc.property(anyKey, (key) => {
      const text = formatJoinKey(key)
      assert.match(text, /^sputnik-join-[0-9a-z]{96}$/)
      assert.deepEqual(parseJoinKey(text), key)
      assert.deepEqual(parseJoinKey(` ${text.toUpperCase()}\n`), key)
    }),
  )
})

test('parseJoinKey tells a mistyped key: one digit or two neighbours', () => {
  const digits = '0123456789abcdefghjkmnpqrstvwxyz'
  const place = fc.nat(95).map((at) => at + JOIN_KEY_PREFIX.length)
  fc.assert(
    fc.property(anyKey, place, fc.constantFrom(...digits), (key, at, digit) => {
      const text = formatJoinKey(key)
      const typed = text.slice(0, at) + digit + text.slice(at + 1)
      const swapped = text.slice(0, at - 1) + text[at] + text[at - 1] + text.slice(at + 1)
      for (const wrong of [typed, swapped]) {
        if (wrong === text || !wrong.startsWith(JOIN_KEY_PREFIX)) continue
        assert.throws(() => parseJoinKey(wrong), { code: 'JOIN_KEY_INVALID', message: /mistyped/ })
      }
    }),
    { numRuns: 500 },
  )
})

const key: JoinKey = { pin: '11'.repeat(32), id: '0123abcd', secret: '22'.repeat(SECRET_BYTES) }
const text = formatJoinKey(key)
const refused: ReadonlyArray<readonly [what: string, text: string, reason: RegExp]> = [
  ['nothing', '', /begin/],
  ['something else', 'sk-12345', /begin/],
  ['a key without its prefix', text.slice(JOIN_KEY_PREFIX.length), /begin/],
  ['a key that is cut', text.slice(0, -1), /missing/],
  ['a key with more behind it', `${text}0`, /too much/],
  ['a key with foreign characters', `${text.slice(0, -1)}!`, /characters/],
  ['a very long text', 'x'.repeat(10_000), /too long/],
]

for (const [what, wrong, reason] of refused) {
  test(`parseJoinKey refuses ${what}`, () => {
    assert.throws(() => parseJoinKey(wrong), { code: 'JOIN_KEY_INVALID', message: reason })
  })
}
