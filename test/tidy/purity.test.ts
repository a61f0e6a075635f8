import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf, sourceFiles } from './repository.js'

/**
 * Clock, timers and chance may be touched only here: files that do I/O anyway. All other files are
 * handed what they need, so that a seed replays them.
 */
const ADAPTERS: readonly RegExp[] = [
  /^src\/base\/log\.ts$/,
  /^src\/cli\//,
  /^src\/fabric\/(data-door|fabric-thread|handshake-io|peer-connection|preamble)\.ts$/,
  /^src\/fabric\/(secure-socket|socket-handle)\.ts$/,
  /^src\/(card|domain|engine|fleet)\/main\.ts$/,
  /^src\/engine\/(bench-main|card-experts|fleet-door|traffic-watch)\.ts$/,
  /^src\/fabric\/page-(client|service|serving)\.ts$/,
  /^src\/domain\/(keep-serving|serve-head)\.ts$/,
  /^src\/domain\/supply-(head|peers|sources|thread|work)\.ts$/,
  /^src\/pages\/sources\/remote-file\.ts$/,
  /^src\/server\/(app|engine-client|engine-process|fleet-feed|generate|http-server)\.ts$/,
  /^src\/server\/(json-body|sequence-group|small-endpoints|sse-stream|template)\.ts$/,
]

const CLOCK_OR_CHANCE =
  /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bhrtime\b|\bset(?:Timeout|Interval|Immediate)\b|\bMath\.random\b|\brandom(?:Bytes|UUID|Int|Fill|FillSync)\b|\bgetRandomValues\b/

function impurities(text: string): string[] {
  return codeOf(text)
    .split('\n')
    .flatMap((line, i) => (CLOCK_OR_CHANCE.test(line) ? [`line ${i + 1}: ${line.trim()}`] : []))
}

test('src touches clock and chance only in adapters', () => {
  const pure = sourceFiles().filter(({ path }) => !ADAPTERS.some((adapter) => adapter.test(path)))
  const found = pure.flatMap(({ path, text }) => impurities(text).map((line) => `${path} ${line}`))
  assert.deepEqual(found, [], 'pass the clock in, or name the file as an adapter')
})

test('the list of adapters names only files that need it', () => {
  const impure = sourceFiles().filter(({ text }) => impurities(text).length > 0)
  const named = ADAPTERS.filter((adapter) => !impure.some(({ path }) => adapter.test(path)))
  assert.deepEqual(named, [])
})

test('impurities finds calls and spares comments and texts', () => {
  const code = [
    '/** Unlike Date.now() this',
    ' * is Math.random() free. */',
    'const a = performance.now() // setTimeout',
    "const b = 'setTimeout'",
    'setInterval(b, 1)',
    'const c = new Date(0)',
    "const d = randomBytes(8).toString('hex')",
  ]
  const found = impurities(code.join('\n'))
  assert.deepEqual(
    found.map((line) => line.slice(0, 7)),
    ['line 3:', 'line 5:', 'line 7:'],
  )
})
