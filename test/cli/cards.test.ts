import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CARDS } from '../../src/plan/catalog/catalogue.js'
import { RACKS } from '../../src/plan/catalog/racks.js'
import { importedFrom } from '../support/imported-from.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

function cards(...args: readonly string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [MAIN, 'cards', ...args])
  return { out: String(stdout), err: String(stderr), status }
}

test('cards lists every card and every rack', () => {
  const { out, status } = cards()
  assert.equal(status, 0)
  for (const { id } of [...CARDS, ...RACKS]) assert.match(out, new RegExp(`^${id} `, 'm'))
})

test('cards --json has every figure with its source', () => {
  const found = JSON.parse(cards('--json').out) as { cards: typeof CARDS; racks: typeof RACKS }
  assert.deepEqual(found, JSON.parse(JSON.stringify({ cards: CARDS, racks: RACKS })))
})

test('cards show tells value, trust and source', () => {
  const { out } = cards('show', 'RTX 5090')
  assert.match(out, /^bf16 summed in fp32 +209\.5 TFLOP\/s +recalled: NVIDIA RTX Blackwell/m)
  assert.match(out, /^street price, retail, 2026-01 +\$4,250 +read: aihardwareindex/m)
})

test('cards show knows racks too', () => {
  const { out } = cards('show', 'gb200-nvl72')
  assert.match(out, /^own price, hyperscaler, 2026-06 +\$2\.21\/h +read: InferenceX/m)
})

test('cards explain b200 says what arithmetic rules out and what it cannot tell', () => {
  const { out } = cards('explain', 'b200')
  assert.match(
    out,
    /each SM has its own tensor cores, as wide as before +4,096 +3\.712 GHz +imposs/,
  )
  assert.match(out, /two SMs share tensor cores, 4 times as wide +8,192 +1\.856 GHz +possible/)
  assert.match(out, /The rate cannot choose between these/)
  assert.match(out, /speak against a shared unit/)
  assert.match(out, /What would decide it/)
})

test('cards explain marks the rate that arithmetic does not cover', () => {
  const { out } = cards('explain', 'gb300')
  assert.match(out, /^fp4\/fp32 +15000 TFLOP\/s +49,1\d\d +- +- +12,28\d +not checked$/m)
  assert.match(out, /^fp4: NVIDIA states 1\.5 times/m)
})

test('cards explain --json is the explanation itself', () => {
  const { checks, pair } = JSON.parse(cards('explain', 'rtx-5090', '--json').out) as {
    checks: readonly { perUnit: number }[]
    pair?: unknown
  }
  assert.equal(Math.round(checks[0]?.perUnit ?? 0), 512)
  assert.equal(pair, undefined)
})

test('cards lint passes', () => {
  const { out, status } = cards('lint')
  assert.equal(status, 0)
  assert.match(out, /: 0 problems$/m)
})

test('a card that is not there is answered with its like', () => {
  for (const verb of ['show', 'explain']) {
    const { err, status } = cards(verb, 'rtx-509')
    assert.equal(status, 3)
    assert.match(err, /^CARD_UNKNOWN {2}no card 'rtx-509' in the catalogue; near: rtx-5090/)
    assert.match(err, /fix: See the names with `sputnik cards`\./)
  }
})

test('cards loads no native library, not even indirectly', () => {
  const files = importedFrom('src/cli/cards.ts')
  assert.ok(files.includes('src/plan/catalog/cards/apple.ts'))
  assert.deepEqual(
    files.filter((path) => path.startsWith('src/native/')),
    [],
  )
})
