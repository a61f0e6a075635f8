import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { IGNORED_PARAMS } from '../../src/server/inert-params.js'
import { ROUTES } from '../../src/server/routes.js'
import { ARCHITECTURES } from '../support/models.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const README = readFileSync('README.md', 'utf8')
const HTTP_API = readFileSync('docs/http-api.md', 'utf8')
const PAGES = ['README.md', 'NOTICE.md', ...readdirSync('docs').map((name) => join('docs', name))]

test('README.md and docs/http-api.md name every route', () => {
  for (const { method, path } of ROUTES) {
    const route = `${method} ${path.replace('*', '{id}')}`
    for (const page of [README, HTTP_API]) assert.ok(page.includes(`\`${route}\``), route)
  }
})

test('README.md and docs/http-api.md name every parameter that is ignored', () => {
  for (const name of IGNORED_PARAMS) {
    for (const page of [README, HTTP_API]) assert.ok(page.includes(`\`${name}\``), name)
  }
})

test('README.md names every command and no other', () => {
  const { stdout } = spawnSync(process.execPath, [MAIN, '--help'])
  const [, list = ''] = String(stdout).split('Commands:\n')
  const commands = [...list.matchAll(/^ {2}(\w+)/gm)].map((match) => match[1] ?? '')
  const described = [...README.matchAll(/^\| `sputnik (\w+)/gm)].map((match) => match[1] ?? '')
  assert.deepEqual(described.sort(), commands.filter((name) => name !== 'help').sort())
})

test('README.md names every architecture that is tested', () => {
  for (const name of ARCHITECTURES) assert.match(README, new RegExp(`\\b${name}\\b`))
})

test('README.md stays short', () => {
  assert.ok(README.split('\n').length <= 250)
})

for (const page of PAGES) {
  test(`${page} links to files that exist`, () => {
    const links = readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)
    for (const [, link = ''] of links) assert.ok(existsSync(join(dirname(page), link)), link)
  })
}

test('docs/architecture.md names files that exist', () => {
  const text = readFileSync('docs/architecture.md', 'utf8')
  const paths = [...text.matchAll(/`(src\/[\w/.-]+)`/g)].map((match) => match[1] ?? '')
  assert.ok(paths.length > 10)
  for (const path of paths) assert.ok(existsSync(path), path)
})
