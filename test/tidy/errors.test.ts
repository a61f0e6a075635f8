import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERRORS, type ErrorCode, SputnikError } from '../../src/base/errors.js'
import { sourceFiles } from './repository.js'

const codes = Object.keys(ERRORS) as ErrorCode[]

test('ERRORS has no code that nothing throws', () => {
  const users = sourceFiles().filter(({ path }) => path !== 'src/base/errors.ts')
  const used = new Set(users.flatMap(({ text }) => text.match(/\b[A-Z][A-Z_]+\b/g) ?? []))
  assert.deepEqual(
    codes.filter((code) => !used.has(code)),
    [],
  )
})

test('ERRORS tells a remedy as a sentence for every code', () => {
  for (const code of codes) assert.match(ERRORS[code].fix, /^[A-Z].*\.$/, code)
})

test('ERRORS ends commands with a status other than success', () => {
  for (const code of codes) assert.ok(ERRORS[code].exit >= 1 && ERRORS[code].exit < 128, code)
})

test('SputnikError fills the remedy from its details', () => {
  const error = new SputnikError('BODY_TOO_LARGE', 'too large', { max: 8 })
  assert.equal(error.fix, 'Send at most 8 bytes.')
  assert.match(new SputnikError('BODY_TOO_LARGE', 'too large').fix, /\{max\}/)
})
