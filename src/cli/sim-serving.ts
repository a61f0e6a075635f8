/** `sputnik sim serving`: a day of requests on a fleet, in simulated time. */
import { Command, Option } from 'commander'
import { PLAN_MODEL_HELP } from '../plan/model/resolve-model.js'
import { TOKENS_MAX } from '../plan/workload.js'
import { PLAN_WORKLOAD_HELP } from '../plan/workload-file.js'
import { formatServing } from '../sim/serving/format.js'
import { PACKET_TRANSPORTS } from '../sim/serving/packet-layers.js'
import { servingPage } from '../sim/serving/page.js'
import { decimal, integer, quantityOf } from './options.js'
import {
  collectOutage,
  FAULT_HELP,
  LENGTHS_HELP,
  parseHourly,
  parseLengths,
  parsePopularity,
} from './sim-options.js'
import { simulateServing } from './sim-serving-run.js'
import { prepareServing, type ServingOptions } from './sim-serving-setup.js'
import { STOPPED_STATUS } from './stop-signal.js'
import { checkOutput, writeOutput } from './write-output.js'

const HOURS_MAX = 24 * 366

export function simServingCommand(): Command {
  const command = new Command('serving')
    .description('replay requests on a fleet: latencies, goodput, use of head, network and domains')
    .argument('<model>', PLAN_MODEL_HELP)
    .requiredOption('--fleet <file>', 'fleet as YAML or JSON, or the name of an example')
  addRequestOptions(command)
  addServerOptions(command)
  addFleetOptions(command)
  addOutputOptions(command)
  return command.action((model: string, options: ServingOptions) => serve(model, options))
}

function addRequestOptions(command: Command): void {
  command
    .option('--workload <name|file>', PLAN_WORKLOAD_HELP, 'chat')
    .option('--weights <format>', 'number format of the weights, as in q4_K or bf16/mxfp4')
    .option('--requests <file>', 'recorded requests, CSV or JSON lines, instead of made up ones')
    .option('--rate <rate>', 'requests that come, on average, as in 3/s', quantityOf('rate', RATE))
    .option('--swing <share>', '1: nobody comes half a day from the peak', decimal(SHARE), 0)
    .option('--peak-hour <hour>', 'when most come, with --swing', decimal({ min: 0, max: 24 }), 20)
    .option('--hourly <numbers>', 'how many come in each hour of a day, 24 numbers', parseHourly)
    .option('--prompt <length>', `length of prompts: ${LENGTHS_HELP}`, parseLengths)
    .option('--output <length>', `length of answers: ${LENGTHS_HELP}`, parseLengths)
    .option(
      '--shared <tokens>',
      'tokens with which all prompts begin',
      integer({ min: 0, max: TOKENS_MAX }),
    )
    .option('--hours <n>', 'simulated time in which requests come', decimal(HOURS), 24)
    .option('--seed <n>', 'replays the same day', integer({ min: 0, max: 2 ** 32 - 1 }), 1)
}

const RATE = { above: 0, max: 1e6 }
const SHARE = { min: 0, max: 1 }
const HOURS = { min: 0.001, max: HOURS_MAX }

function addServerOptions(command: Command): void {
  const count = integer({ min: 1, max: 65_536 })
  const slo = quantityOf('duration', { above: 0, max: 1e6 })
  command
    .option('--parallel <n>', 'sequences at the same time (default: as many as have room)', count)
    .option(
      '--ctx <n>',
      'most tokens of a sequence (default: 8192, more if the workload needs it)',
      integer({ min: 2, max: TOKENS_MAX }),
    )
    .option('--batch <n>', 'most tokens of a step (default: 512, at least --parallel)', count)
    .option('--waiting <n>', 'most requests that wait', integer({ min: 1, max: 1e6 }), 4096)
    .option('--slo-ttft <time>', 'most time to the first token (default: the workload has it)', slo)
    .option('--slo-tpot <time>', 'most time per token after it (default: as above)', slo)
    .option(
      '--warmup <time>',
      'is not measured (default: a twentieth)',
      quantityOf('duration', { max: 1e9 }),
    )
}

const NETWORK_HELP =
  'closed: dispatch, experts, combine one after the other; flow: they overlap; others: packets ' +
  "under the fabric's credits or TCP alone, which takes longer"

function addFleetOptions(command: Command): void {
  const time = quantityOf('duration', { above: 0, max: 1e9 })
  command
    .option('--replicas <n>', 'instead of those of the fleet file', integer({ min: 1, max: 8 }))
    .option(
      '--popularity <law>',
      'of experts: uniform (default), zipf:<exponent>, or a JSON file: [layer][expert] counts',
      parsePopularity,
    )
    .addOption(
      new Option('--placement <how>', 'popular: by how often experts are chosen')
        .choices(['blind', 'popular'])
        .default('popular'),
    )
    .addOption(
      new Option('--network <model>', NETWORK_HELP)
        .choices(['closed', 'flow', ...PACKET_TRANSPORTS])
        .default('closed'),
    )
    .option('--fault <what>', `may be given again: ${FAULT_HELP}`, collectOutage)
    .option('--mtbf <time>', 'each domain is lost after so long, on average', time)
    .option('--repair <time>', 'and comes back after so long', time, 600)
    .option('--lease <time>', 'until a silent domain counts as lost', quantityOf('duration'), 3)
    .option('--no-origin', 'nobody but domains has the pages')
    .option(
      '--samples <n>',
      'layers drawn for each size of a step; 0: every layer of every step anew',
      integer({ min: 0, max: 4096 }),
      64,
    )
}

function addOutputOptions(command: Command): void {
  command
    .option('--json', 'print one JSON object')
    .option('--trace <file>', 'write all requests and steps, .csv or .jsonl')
    .option('--html <file>', 'write a page with charts')
    .addHelpText('after', TRACE_HELP)
}

const TRACE_HELP = `
Recorded requests, in order of arrival:
  arrival_s,prompt_tokens,output_tokens
  0.25,812,140
or a line {"arrival_s": 0.25, "prompt_tokens": 812, "output_tokens": 140} for each.`

async function serve(model: string, options: ServingOptions): Promise<void> {
  if (options.html !== undefined) checkOutput(options.html)
  const setup = prepareServing(model, options)
  const { report, collector } = await simulateServing(setup, options)
  const result = { ...setup.about, ...report }
  if (options.html !== undefined) {
    writeOutput(options.html, servingPage(setup.about, { report, collector }))
  }
  const { series: _, ...brief } = result
  const text = options.json === true ? JSON.stringify(result) : formatServing(setup.about, brief)
  process.stdout.write(`${text}\n`)
  if (!report.complete) process.exitCode = STOPPED_STATUS
}
