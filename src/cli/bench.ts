/** `sputnik bench`: how fast a model is with plain libllama, the local domain and cards. */
import { Command } from 'commander'
import type { Summary } from '../base/statistics.js'
import { formatTable } from '../base/table.js'
import type { BenchReport, BenchRequest } from '../engine/bench.js'
import { bundledModel, MODEL_HELP } from './bundled-model.js'
import { runTask } from './child-task.js'
import { addEngineOptions, type EngineOptions, integer, option, toEngineConfig } from './options.js'

type BenchFlags = EngineOptions & {
  readonly prompt: number
  readonly generate: number
  readonly rounds: number
  readonly json?: boolean
}

const TOKENS_MAX = 32_768

export function benchCommand(): Command {
  const command = new Command('bench')
    .description('Measure plain libllama, the local domain and cards on a model, in turns')
    .argument('[model]', MODEL_HELP)
  addEngineOptions(command, { parallel: 1, logLevel: 'error', cards: 1 })
  return command
    .addOption(count('--prompt <n>', 'tokens of the prompt', { default: 128, max: TOKENS_MAX }))
    .addOption(count('--generate <n>', 'tokens after it', { default: 32, max: TOKENS_MAX }))
    .addOption(count('--rounds <n>', 'times each is measured', { default: 5, max: 1000 }))
    .option('--json', 'print one JSON object')
    .action(async (given: string | undefined, flags: BenchFlags) => {
      const model = given ?? bundledModel()
      const { prompt, generate, rounds } = flags
      const config = toEngineConfig(model, flags)
      const report = await runBench({ config, prompt, generate, rounds })
      process.stdout.write(`${flags.json ? JSON.stringify(report, null, 2) : format(report)}\n`)
    })
}

function count(
  flags: string,
  description: string,
  { default: value, max }: { default: number; max: number },
): ReturnType<typeof option> {
  return option(flags, description)
    .argParser(integer({ min: 1, max }))
    .default(value)
}

/** Measures in a process of its own. @throws SputnikError */
export function runBench(request: BenchRequest): Promise<BenchReport> {
  return runTask<BenchReport>('bench-main.js', request)
}

function format(report: BenchReport): string {
  const { model, architecture, cards, threads, cardThreads, wire, rounds } = report
  const where = cards > 0 ? `${cards} cards x ${cardThreads} threads, ${wire} on the wire, ` : ''
  const titles = ['path', 'phase', 'tokens/s', '20th pct', 'of plain']
  const rows = [
    ...report.prefill.map((summary) => row(summary, `prefill ${report.prompt}`)),
    ...report.decode.map((summary) => row(summary, `decode ${report.generate}`)),
  ]
  return [
    `${model} (${architecture})`,
    `head ${threads} threads, ${where}medians of ${rounds} rounds`,
    '',
    ...formatTable(titles, rows),
  ].join('\n')
}

function row({ name, median, low, ratio }: Summary, phase: string): string[] {
  return [name, phase, median.toFixed(1), low.toFixed(1), ratio.toFixed(3)]
}
