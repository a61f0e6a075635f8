/** `sputnik sim network`: an experiment on a packet network. Needs no native library. */
import { Command } from 'commander'
import { readInputFile } from '../plan/input-file.js'
import {
  checkFields,
  type Fields,
  parseExperiment,
  WORKLOAD_HELP,
} from '../sim/experiment/fields.js'
import { formatReport, type Report } from '../sim/experiment/format.js'
import { isPartial, packetsPerSecond } from '../sim/experiment/metrics.js'
import { experimentPage } from '../sim/experiment/page.js'
import { planRuns, SWEEP_HELP } from '../sim/experiment/plan-runs.js'
import { traceLines } from '../sim/experiment/trace.js'
import { TRANSPORT_NAMES } from '../sim/experiment/transports.js'
import { traceFormOf } from '../sim/trace-line.js'
import { runExperiments } from './sim-network-run.js'
import { STOPPED_STATUS } from './stop-signal.js'
import { checkOutput, writeLines, writeOutput } from './write-output.js'

const STALLED_STATUS = 1

type OutputOptions = {
  readonly json?: boolean
  readonly trace?: string
  readonly html?: string
}

const NAMES = TRANSPORT_NAMES.join(', ')

export function simNetworkCommand(): Command {
  const command = new Command('network')
    .description('send a workload over a network of packets: completion times, queues, losses')
    .argument('[file]', 'experiment as YAML or JSON; options replace its fields')
  addNetworkOptions(command)
  addTransportOptions(command)
  addWorkloadOptions(command)
  return command
    .option('--json', 'print one JSON object')
    .option('--trace <file>', 'write queues and rates over time, and all flows: .csv or .jsonl')
    .option('--html <file>', 'write a page with charts')
    .action((file: string | undefined, options: OutputOptions) => simulate(file, options))
}

function addNetworkOptions(command: Command): void {
  command
    .option('--topology <name>', 'star, leaf-spine or fat-tree (default: star)')
    .option('--hosts <n>', 'hosts (default: what the workload needs, or 16)')
    .option('--leaves <n>', 'of leaf-spine (default: 4)')
    .option('--spines <n>', 'of leaf-spine (default: as many as a leaf has hosts)')
    .option('--rate <speed>', 'of each link (default: 100 Gbit/s)')
    .option('--uplink <speed>', 'of the links to spines (default: --rate)')
    .option('--delay <time>', 'of each link with the switch behind it (default: 1 us)')
    .option('--buffer <size>', 'room of the queue of each port (default: 100 kB)')
    .option('--mtu <size>', 'full packet: payload and 64 B of headers (default: 4160 B)')
}

function addTransportOptions(command: Command): void {
  command
    .option('--transport <name>', `${NAMES} (default: tcp)`)
    .option('--compare <names>', 'run the workload with each of these transports')
    .option('--spray <by>', 'a path for each flow or packet (default: as the transport allows)')
    .option('--ecn [size]', 'switches mark; a size: above this (default: as the transport needs)')
    .option('--trim [switch]', 'switches cut payload off, on or off (default: as above)')
    .option('--pfc [switch]', 'switches pause links, on or off (default: as above)')
    .option('--rto <time>', 'least time-out of TCP, DCTCP, Swift and credits (default: 200 ms)')
}

function addWorkloadOptions(command: Command): void {
  command
    .option('--workload <name>', `${WORKLOAD_HELP} (default: incast:16)`)
    .option('--bytes <size>', 'of each message (default: 256 kB)')
    .option('--tokens <n>', 'of moe: tokens of a step (default: 128)')
    .option(
      '--layout <how>',
      'of moe: apart: host 0 has all tokens (default); whole: each has some',
    )
    .option('--card <id>', 'of moe: computes the experts (default: rtx-4090)')
    .option('--cards <n>', 'of moe: cards of each domain (default: 4)')
    .option('--rounds <n>', 'times it is sent, one after the other (default: 1; moe: all layers)')
    .option('--seed <n>', 'replays the same run (default: 1)')
    .option('--until <time>', 'most simulated time (default: 10 s)')
    .option('--name <text>', 'of the experiment, for the report')
    .option('--sweep <values>', `a run for each, as in senders=8,16,...,431; of ${SWEEP_HELP}`)
}

async function simulate(path: string | undefined, options: OutputOptions): Promise<void> {
  const { json, trace, html, ...given } = options
  if (trace !== undefined) traceFormOf(trace)
  const fields = fieldsOf(path, given)
  const plans = planRuns(fields)
  for (const output of [trace, html]) if (output !== undefined) checkOutput(output)
  const { result: outcomes, isStopped } = await runExperiments(plans)
  const report = { name: fields.name, outcomes, planned: plans.length }
  if (trace !== undefined) writeLines(trace, traceLines(outcomes, traceFormOf(trace)))
  if (html !== undefined) writeOutput(html, experimentPage(report))
  process.stdout.write(`${json === true ? toJson(report) : formatReport(report)}\n`)
  if (isStopped) process.exitCode = STOPPED_STATUS
  else if (outcomes.some(({ result }) => result.end === 'stalled')) {
    process.exitCode = STALLED_STATUS
  }
}

/** What options say goes before what the file says. */
function fieldsOf(path: string | undefined, given: object): Fields {
  const said = checkFields(given, 'options')
  const written = path === undefined ? {} : parseExperiment(readInputFile(path), path)
  const { compare: _, transport: __, ...rest } = written
  const isChosen = said.transport !== undefined || said.compare !== undefined
  return { ...(isChosen ? rest : written), ...said }
}

function toJson({ name, outcomes, planned }: Report): string {
  const runs = outcomes.map((outcome) => {
    const { samples: _, completions: __, ...result } = outcome.result
    const { point, wallS } = outcome
    return { ...result, point, wallS, packetsPerSecond: packetsPerSecond([outcome]) }
  })
  const isComplete = outcomes.length === planned && !outcomes.some(isPartial)
  return JSON.stringify({ name, isComplete, planned, runs })
}
