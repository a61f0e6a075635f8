import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SputnikError } from '../../src/base/errors.js'
import {
  CREDIT_MESSAGE_BYTES,
  type CreditMessage,
  LEASE_US_MAX,
  readCreditMessage,
  writeCreditMessage,
} from '../../src/fabric/credit-message.js'
import { FRAME_BYTES_MAX } from '../../src/fabric/frame.js'

const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const total = fc.maxSafeNat()
const messages: fc.Arbitrary<CreditMessage> = fc.oneof(
  fc
    .tuple(u32, total, fc.integer({ min: 1, max: LEASE_US_MAX }))
    .map(([generation, grantedBytes, leaseUs]) => ({
      kind: 'grant' as const,
      generation,
      grantedBytes,
      leaseUs,
    })),
  fc.tuple(u32, total).map(([generation, forfeitedBytes]) => ({
    kind: 'forfeit' as const,
    generation,
    forfeitedBytes,
  })),
  fc
    .tuple(u32, u32, fc.integer({ min: 1, max: FRAME_BYTES_MAX }), total)
    .map(([generation, transfer, bytes, before]) => ({
      kind: 'want' as const,
      generation,
      transfer,
      bytes,
      endBytes: Math.min(Number.MAX_SAFE_INTEGER, before + bytes),
    })),
)

function empty(): DataView {
  return new DataView(new ArrayBuffer(CREDIT_MESSAGE_BYTES + 4))
}

function written(message: CreditMessage): DataView {
  const view = empty()
  writeCreditMessage(view, 4, message)
  return view
}

test('readCreditMessage gives back what was written', () => {
  fc.assert(
    fc.property(messages, (message) => {
      assert.deepEqual(readCreditMessage(written(message), 4), message)
    }),
    { seed: 1 },
  )
})

test('readCreditMessage takes or refuses any bytes, and what it takes it would write', () => {
  const bytes = fc.uint8Array({ minLength: 0, maxLength: CREDIT_MESSAGE_BYTES + 2 })
  const kinds = fc.integer({ min: 0, max: 4 })
  fc.assert(
    fc.property(bytes, kinds, (raw, kind) => {
      if (raw.length >= 4) raw.set([kind, 0, 0, 0])
      if (raw.length >= 24) raw.set([0, 0], 22)
      const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
      let message: CreditMessage
      try {
        message = readCreditMessage(view, 0)
      } catch (error) {
        assert.ok(error instanceof SputnikError && error.code === 'FRAME_INVALID')
        return
      }
      const again = new Uint8Array(CREDIT_MESSAGE_BYTES)
      writeCreditMessage(new DataView(again.buffer), 0, message)
      assert.deepEqual(again, raw.slice(0, CREDIT_MESSAGE_BYTES))
    }),
    { seed: 2, numRuns: 2000 },
  )
})

const GRANT = { kind: 'grant', generation: 3, grantedBytes: 2 ** 40 + 5, leaseUs: 1000 } as const
const WANT = { kind: 'want', generation: 3, transfer: 9, bytes: 100, endBytes: 5000 } as const
const WRONG: ReadonlyArray<[what: string, message: CreditMessage, at: number, value: number]> = [
  ['an unknown kind', GRANT, 0, 4],
  ['no kind', GRANT, 0, 0],
  ['a grant of a transfer', GRANT, 8, 1],
  ['a grant without lease', GRANT, 12, 0],
  ['too long a lease', GRANT, 12, LEASE_US_MAX + 1],
  ['bytes beyond all counting', GRANT, 20, 1 << 21],
  ['a want of nothing', WANT, 12, 0],
  ['a want beyond any frame', WANT, 12, FRAME_BYTES_MAX + 1],
  ['a want of more than it ends with', WANT, 12, 5001],
  ['a forfeit with a lease', { kind: 'forfeit', generation: 1, forfeitedBytes: 1 }, 12, 1],
]

for (const [what, message, at, value] of WRONG) {
  test(`readCreditMessage refuses ${what}`, () => {
    const view = written(message)
    view.setUint32(4 + at, value, true)
    assert.throws(() => readCreditMessage(view, 4), { code: 'FRAME_INVALID' })
  })
}
