import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  DEFAULT_ECONOMICS,
  DEFAULT_HOST,
  DEFAULT_SWITCH,
} from '../../../src/plan/fleet/defaults.js'
import { FLEET_FIELDS } from '../../../src/plan/fleet/fleet-file.js'
import { exampleFleets, parseFleet } from '../../../src/plan/fleet/resolve-fleet.js'
import { BUILTIN_MODELS } from '../../../src/plan/model/builtin.js'
import { DIMENSIONS } from '../../../src/plan/quantity.js'
import { parseWorkload } from '../../../src/plan/workload-file.js'
import { CHAT, WORKLOADS } from '../../../src/plan/workloads.js'

const PAGE = readFileSync('docs/fleet-file.md', 'utf8')
const [FLEET = '', WORKLOAD = ''] = [...PAGE.matchAll(/```yaml\n(.*?)```/gs)].map(
  ([, text = '']) => text,
)

test('the files shown in docs/fleet-file.md can be read', () => {
  assert.equal(parseFleet(FLEET, 'docs').fleet.domains[0]?.count, 4)
  assert.equal(parseWorkload(WORKLOAD, 'docs').cachedShare, 0.9)
})

test('docs/fleet-file.md names every field, model, workload and example', () => {
  for (const field of FLEET_FIELDS) assert.match(PAGE, new RegExp(`\\b${field}\\b`), field)
  for (const { id } of BUILTIN_MODELS) assert.ok(PAGE.includes(`\`${id}\``), id)
  for (const { name } of WORKLOADS) assert.ok(PAGE.includes(`\`${name}\``), name)
  assert.ok(exampleFleets().some((name) => PAGE.includes(`--fleet ${name}`)))
})

test('docs/fleet-file.md states the defaults that there are', () => {
  const { ramBytes, ramBytesPerSecond, diskBytesPerSecond, powerW, transportS } = DEFAULT_HOST
  const { powerUsdPerKwh, years, discountRate, residualShare, maintenanceShare, pue } =
    DEFAULT_ECONOMICS
  const economics = [discountRate, residualShare, maintenanceShare].map(
    (share) => `${100 * share} %`,
  )
  const rows = [
    `${ramBytes / 1e9} GB, ${ramBytesPerSecond / 1e9} GB/s`,
    `1 TB, ${diskBytesPerSecond / 1e9} GB/s`,
    `${powerW} W`,
    `needed; ${transportS * 1e6} us`,
    `${DEFAULT_SWITCH.latencyS * 1e6} us, ${DEFAULT_SWITCH.bufferBytes / 1e6} MB, 0 USD, ${DEFAULT_SWITCH.powerW} W`,
    `${powerUsdPerKwh.toFixed(2)} USD/kWh`,
    `${years} years, ${economics.join(', ')}, ${pue}, none`,
    CHAT.batches.join(', '),
    `${CHAT.ttftS} s`,
    `${CHAT.tpotS * 1000} ms`,
    `${CHAT.utilisation * 100} %`,
  ]
  for (const row of rows) assert.ok(PAGE.includes(`| ${row} |`), row)
})

test('docs/fleet-file.md names the units of every dimension', () => {
  const units = Object.values(DIMENSIONS).map(({ example }) => example.split(' ')[1] ?? '')
  for (const unit of units) assert.ok(PAGE.includes(unit), unit)
})
