/**
 * `npm run bench -- [names...] [--rounds N] [--kills N] [--json]`: runs benchmarks one after the
 * other and prints their tables. Everything that is compared takes turns within one run.
 */
import { parseArgs } from 'node:util'
import { cards } from './cards.js'
import { directory } from './directory.js'
import { fleet } from './fleet.js'
import { heads } from './heads.js'
import { http } from './http.js'
import { incast } from './incast.js'
import { kill } from './kill.js'
import { local } from './local.js'
import { memory } from './memory.js'
import { overhead } from './overhead.js'
import { planBacktest } from './plan-backtest.js'
import { planSearch } from './plan-search.js'
import {
  type Benchmark,
  describeEnvironment,
  formatEnvironment,
  formatSection,
  type Section,
} from './report.js'
import { simCredits } from './sim-credits.js'
import { simIncast } from './sim-incast.js'
import { simNet } from './sim-net.js'
import { simQueue } from './sim-queue.js'
import { start } from './start.js'
import { wire } from './wire.js'

const BENCHMARKS: readonly Benchmark[] = [
  local,
  cards,
  overhead,
  wire,
  http,
  memory,
  start,
  directory,
  ...fleet,
  kill,
  incast,
  heads,
  planSearch,
  planBacktest,
  simQueue,
  simNet,
  simIncast,
  simCredits,
]
const ROUNDS = 7
const COUNT_MAX = 10_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    kills: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const rounds = countOf(values.rounds) ?? ROUNDS
const kills = countOf(values.kills)
const unknown = positionals.filter((name) => !BENCHMARKS.some((one) => one.name === name))
const isWrong = unknown.length > 0 || Number.isNaN(rounds) || Number.isNaN(kills)
if (isWrong || values.help) {
  const usage = `usage: npm run bench -- [names...] [--rounds N] [--kills N] [--json]\n\n${list()}\n`
  ;(isWrong ? process.stderr : process.stdout).write(usage)
  process.exit(isWrong ? 2 : 0)
}
await main(
  BENCHMARKS.filter(({ name, isLong = false }) =>
    positionals.length === 0 ? !isLong : positionals.includes(name),
  ),
)
process.exit()

async function main(chosen: readonly Benchmark[]): Promise<void> {
  const environment = describeEnvironment()
  print(formatEnvironment(environment), environment.isBusy)
  const sections: Section[] = []
  for (const { name, run } of chosen) {
    say(`${name}: ${rounds} rounds`)
    const made = await run({ rounds, kills, say })
    for (const section of made) print(`\n${formatSection(section)}`)
    sections.push(...made)
  }
  if (!values.json) return
  process.stdout.write(`${JSON.stringify({ environment, rounds, sections }, null, 2)}\n`)
}

/** NaN when it is none. */
function countOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const count = Number(text)
  return Number.isInteger(count) && count >= 1 && count <= COUNT_MAX ? count : Number.NaN
}

/** Tables on stdout, unless that is for the JSON. */
function print(text: string, isWarning = false): void {
  if (!values.json) process.stdout.write(`${text}\n`)
  else if (isWarning) say(text)
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

function list(): string {
  return BENCHMARKS.map(({ name, about }) => `  ${name.padEnd(15)}${about}`).join('\n')
}
