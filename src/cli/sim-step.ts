/**
 * `sputnik sim step`: dispatch, experts and combine of a model's layers over a network, packet by
 * packet or as flows. Needs no native library.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { formatTable } from '../base/table.js'
import { BITS_PER_BYTE } from '../base/units.js'
import { formatValue } from '../chart/number-format.js'
import { CARDS, findCard } from '../plan/catalog/catalogue.js'
import { UNIFORM } from '../plan/cost/routing.js'
import { WIRE_FORMATS, type WireFormat, wireBytes } from '../plan/fleet/wire-format.js'
import { PLAN_MODEL_HELP, resolveModel } from '../plan/model/resolve-model.js'
import type { ModelShape } from '../plan/model/shape.js'
import type { CopyPer } from '../sim/moe/layer-load.js'
import { moeCards } from '../sim/moe/moe-card.js'
import { type MoeLayout, USUAL_WIRE } from '../sim/moe/moe-step.js'
import { STEP_NETWORKS, type StepNetwork } from '../sim/moe/step-networks.js'
import { type StepOptions, type StepResult, StepRun } from '../sim/moe/step-run.js'
import type { Popularity } from '../sim/serving/popularity.js'
import { integer, quantityOf, usage } from './options.js'
import { parsePopularity } from './sim-options.js'
import { inSlices } from './sim-slices.js'
import { STOPPED_STATUS } from './stop-signal.js'

type CommandOptions = {
  readonly weights?: string
  readonly layout: MoeLayout
  readonly domains: number
  readonly cards: number
  readonly card: string
  readonly replicas: number
  readonly popularity: Popularity
  readonly tokens: number
  readonly copies: CopyPer | 'both'
  readonly dispatch: WireFormat
  readonly combine: WireFormat
  readonly network: StepNetwork
  readonly rate: number
  readonly delay: number
  readonly buffer: number
  readonly warmup: number
  readonly seed: number
  readonly json?: boolean
}

export function simStepCommand(): Command {
  const command = new Command('step')
    .description('play the layers of a step over a network: dispatch, experts, combine')
    .argument('<model>', PLAN_MODEL_HELP)
    .option('--weights <format>', 'number format of the weights, as in q4_K or bf16/mxfp4')
  addFleetOptions(command)
  addTrafficOptions(command)
  addNetworkOptions(command)
  return command
    .option('--json', 'print one JSON object')
    .action((model: string, options: CommandOptions) => simulate(model, options))
}

function addFleetOptions(command: Command): void {
  const layouts = ['apart', 'whole'] as const
  command
    .addOption(
      new Option('--layout <name>', 'apart: one head has all tokens; whole: each domain its part')
        .choices(layouts)
        .default('apart'),
    )
    .option('--domains <n>', 'hosts with experts', integer({ min: 1, max: 1024 }), 16)
    .option('--cards <n>', 'of each domain', integer({ min: 1, max: 64 }), 4)
    .option('--card <id>', `one of: ${CARDS.map(({ id }) => id).join(', ')}`, 'rtx-4090')
    .option('--replicas <n>', 'domains that hold each expert', integer({ min: 1, max: 8 }), 1)
}

function addTrafficOptions(command: Command): void {
  const copies = ['domain', 'expert', 'both'] as const
  command
    .option('--tokens <n>', 'of the step', integer({ min: 1, max: 65_535 }), 64)
    .addOption(
      new Option('--popularity <law>', 'of experts: uniform or zipf:<exponent>')
        .argParser(law)
        .default(UNIFORM, 'uniform'),
    )
    .addOption(
      new Option('--copies <per>', 'a token goes once to each domain, or once for each expert')
        .choices(copies)
        .default('both'),
    )
    .addOption(
      new Option('--dispatch <format>', 'out').choices(WIRE_FORMATS).default(USUAL_WIRE.dispatch),
    )
    .addOption(
      new Option('--combine <format>', 'back').choices(WIRE_FORMATS).default(USUAL_WIRE.combine),
    )
    .option('--seed <n>', 'replays the same step', integer({ min: 0, max: 2 ** 32 - 1 }), 1)
}

function addNetworkOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--network <name>',
        'flows without packets, or packets with this transport (kept: TCP that stays open)',
      )
        .choices(STEP_NETWORKS)
        .default('credits'),
    )
    .addOption(
      new Option('--rate <speed>', 'of each port')
        .argParser(quantityOf('speed', { above: 0 }))
        .default(25 * 125e6, '25 Gbit/s'),
    )
    .addOption(
      new Option('--delay <time>', 'one way, beside the bytes')
        .argParser(quantityOf('time', { max: 1 }))
        .default(5e-6, '5 us'),
    )
    .addOption(
      new Option('--buffer <size>', 'of each port')
        .argParser(quantityOf('bytes', { min: 10_000 }))
        .default(1e6, '1 MB'),
    )
    .option('--warmup <n>', 'layers that do not count', integer({ min: 0, max: 10_000 }), 24)
}

function law(text: string): Popularity {
  const parsed = parsePopularity(text)
  if (typeof parsed !== 'string') return parsed
  throw new InvalidArgumentError('It must be uniform or zipf:<exponent>.')
}

async function simulate(name: string, options: CommandOptions): Promise<void> {
  const shape = resolveModel(name, { weights: options.weights })
  if (shape.moeLayers === 0) {
    throw usage(`${shape.name} has no experts; name a model that has some`)
  }
  const ways: CopyPer[] = options.copies === 'both' ? ['domain', 'expert'] : [options.copies]
  const runs = ways.map((copyPer) => new StepRun(stepOptions(shape, { options, copyPer })))
  const isStopped = await play(runs)
  const results = runs.map(({ result }) => result).filter(({ layers }) => layers > 0)
  const report = { model: shape.name, isComplete: !isStopped, results }
  const text = options.json === true ? JSON.stringify(report) : format(shape, { options, results })
  process.stdout.write(`${text}\n`)
  if (isStopped) process.exitCode = STOPPED_STATUS
}

/** Whether a signal came before the end. */
async function play(runs: readonly StepRun[]): Promise<boolean> {
  const { isStopped } = await inSlices(async (slices) => {
    for (const [at, run] of runs.entries()) {
      await slices.play({
        advance: () => {
          run.advance()
          return !run.isDone
        },
        progress: () => ({ stage: 'layers', done: at + run.share, total: runs.length }),
      })
    }
  })
  return isStopped
}

function stepOptions(
  shape: ModelShape,
  { options, copyPer }: { readonly options: CommandOptions; readonly copyPer: CopyPer },
): StepOptions {
  const { network, layout, domains, replicas, popularity, tokens, seed } = options
  return {
    ...{ shape, network, layout, domains, replicas, popularity, tokens, seed, copyPer },
    ...moeCards({ card: findCard(options.card), count: options.cards }, shape),
    ...wireBytes(options),
    bytesPerSecond: options.rate,
    bufferBytes: options.buffer,
    latencyS: options.delay,
    warmUp: network === 'flows' ? 0 : options.warmup,
  }
}

type Printed = { readonly options: CommandOptions; readonly results: readonly StepResult[] }

function format(shape: ModelShape, { options, results }: Printed): string {
  const { tokens, domains, cards, card, network, rate } = options
  const speed = formatValue(BITS_PER_BYTE * rate, 'bit/s')
  const about = `${shape.name}: ${tokens} tokens, ${domains} domains of ${cards} ${card}, ${network} at ${speed}`
  if (results.length === 0) return `${about}\nstopped before any layer counted`
  const row = (title: string, of: (result: StepResult) => string): string[] => [
    title,
    ...results.map(of),
  ]
  const table = formatTable(
    row('a copy per', ({ copyPer }) => copyPer),
    [
      row('layers played', ({ layers }) => `${layers} of ${shape.moeLayers}`),
      row('copies of a token', ({ copiesPerToken }) => copiesPerToken.toFixed(2)),
      row('bytes out', ({ dispatchBytes }) => formatValue(dispatchBytes, 'B')),
      row('bytes back', ({ combineBytes }) => formatValue(combineBytes, 'B')),
      row('layer, median', ({ layerP50S }) => formatValue(layerP50S, 's')),
      row('layer, 99th', ({ layerP99S }) => formatValue(layerP99S, 's')),
      row('all layers', ({ seconds }) => formatValue(seconds, 's')),
      row('of that network', ({ networkS }) => formatValue(networkS, 's')),
      ...(network === 'flows' ? [] : packetRows(row)),
    ],
  )
  return [about, '', ...table].join('\n')
}

function packetRows(row: (title: string, of: (result: StepResult) => string) => string[]) {
  return [
    row('packet transmissions', ({ packets }) => String(packets?.transmissions)),
    row('packets dropped', ({ packets }) => String(packets?.dropped)),
    row('time-outs', ({ packets }) => String(packets?.timeouts)),
  ]
}
