import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { planOf } from '../plan/report/support.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const DOCS = 'docs/plan.md'

/** A command and as many sections of what it prints as the page shows. */
const EXAMPLE = /```console\n\$ sputnik (.+)\n([\s\S]*?)```/g
const SECTIONS = 7

function outputOf(command: string): string {
  const { stdout } = spawnSync(process.execPath, [MAIN, ...command.split(' ')])
  return `${String(stdout).trimEnd().split('\n\n').slice(0, SECTIONS).join('\n\n')}\n`
}

test('examples of docs/plan.md are what the commands print (UPDATE_DOCS=1 writes them)', () => {
  const page = readFileSync(DOCS, 'utf8')
  const actual = page.replaceAll(EXAMPLE, (_, command: string) => {
    return `\`\`\`console\n$ sputnik ${command}\n${outputOf(command)}\`\`\``
  })
  if (process.env.UPDATE_DOCS === '1') writeFileSync(DOCS, actual)
  else assert.equal(page, actual)
})

test('docs/plan.md describes every field of a plan', () => {
  const page = readFileSync(DOCS, 'utf8')
  for (const field of Object.keys(planOf())) assert.ok(page.includes(`\`${field}\``), field)
})
