import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

test('plan --calibration prints what docs/calibration.md holds', () => {
  const { stdout } = spawnSync(process.execPath, [MAIN, 'plan', '--calibration'])
  assert.equal(String(stdout), readFileSync('docs/calibration.md', 'utf8'))
})
