import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { FIELD_NAMES, parseExperiment } from '../../src/sim/experiment/fields.js'
import { planRuns } from '../../src/sim/experiment/plan-runs.js'
import { TRANSPORT_NAMES } from '../../src/sim/experiment/transports.js'
import { network } from './sim-network-command.js'

const DOCS = 'docs/sim.md'
const EXAMPLE = /```console\n\$ sputnik sim network (.+)\n([\s\S]*?)```/g
/** The only thing that is not the same each time. */
const SPEED = /^.* transmitted per second of wall time\.$/gm

function page(): string {
  return readFileSync(DOCS, 'utf8')
}

test('examples of docs/sim.md are what sim network prints (UPDATE_DOCS=1 writes them)', () => {
  const actual = page().replaceAll(EXAMPLE, (_, options: string) => {
    const { out } = network(...options.split(' '))
    return `\`\`\`console\n$ sputnik sim network ${options}\n${out}\`\`\``
  })
  if (process.env.UPDATE_DOCS === '1') writeFileSync(DOCS, actual)
  else assert.equal(page().replaceAll(SPEED, ''), actual.replaceAll(SPEED, ''))
})

test('docs/sim.md describes every field and transport of an experiment', () => {
  for (const name of [...FIELD_NAMES, ...TRANSPORT_NAMES]) {
    assert.ok(page().includes(`\`${name}\``), name)
  }
})

test('the file of docs/sim.md is one', () => {
  const [, text = ''] = /```yaml\n([\s\S]*?)```/.exec(page()) ?? []
  assert.equal(planRuns(parseExperiment(text, DOCS)).length, 2)
})
