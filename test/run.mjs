/**
 * Runs the compiled tests: `node test/run.mjs [part of a path]...`. Knows nothing of single tests.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TESTS = resolve(ROOT, 'dist/test')
/** Each file is a process; more of them than this only take the cores from each other. */
const CONCURRENCY = 2
/** A file of tests that hangs is stopped, so that the others still report. */
const FILE_TIMEOUT_MS = 600_000

function findTests(filters) {
  const names = existsSync(TESTS) ? readdirSync(TESTS, { recursive: true }) : []
  return names
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(TESTS, name))
    .filter((path) => matches(relative(TESTS, path), filters))
    .sort()
}

function matches(path, filters) {
  const name = path.replaceAll('\\', '/')
  return filters.length === 0 || filters.some((filter) => name.includes(filter))
}

function runTests(files) {
  const summary = []
  const events = run({ files, concurrency: CONCURRENCY, timeout: FILE_TIMEOUT_MS })
  events.on('test:fail', ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1
  })
  events.on('test:diagnostic', ({ nesting, message }) => {
    if (nesting === 0 && /^[a-z_]+ [\d.]+$/.test(message)) summary.push(`# ${message}`)
  })
  const report = events.compose(spec)
  report.on('end', () => process.stdout.write(`\n${summary.join('\n')}\n`))
  report.pipe(process.stdout, { end: false })
}

process.chdir(ROOT)
const filters = process.argv.slice(2)
const files = findTests(filters)
if (files.length === 0) {
  process.stderr.write(`no test file in dist/test matches ${filters.join(' or ') || 'anything'}\n`)
  process.exitCode = 1
} else {
  runTests(files)
}
