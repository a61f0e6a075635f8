/**
 * `sputnik plan`: whether a model fits a fleet, how fast it is, what its tokens cost, and whether
 * something else would be better. Needs no native library.
 */
import { Command, Option } from 'commander'
import type { SputnikError } from '../base/errors.js'
import { RACKS } from '../plan/catalog/racks.js'
import { calibrationTable } from '../plan/cost/calibration.js'
import { REPLICAS_MAX } from '../plan/fleet/fleet-file.js'
import { RACK_TERMS } from '../plan/fleet/rack-fleet.js'
import { exampleFleets } from '../plan/fleet/resolve-fleet.js'
import { PLAN_MODEL_HELP, resolveModel } from '../plan/model/resolve-model.js'
import { calibrationMarkdown, calibrationRecord } from '../plan/report/calibration-table.js'
import { changeFleet } from '../plan/report/change-fleet.js'
import { makePlan } from '../plan/report/make-plan.js'
import type { Plan } from '../plan/report/plan.js'
import { chartedPage } from '../plan/report/plan-charts.js'
import { planPage, planSummary } from '../plan/report/plan-page.js'
import { chartedSearchPage, searchPage } from '../plan/report/search-report.js'
import { TOKENS_MAX } from '../plan/workload.js'
import { PLAN_WORKLOAD_HELP, resolveWorkload } from '../plan/workload-file.js'
import { decimal, integer, quantityOf, usage } from './options.js'
import {
  batchesOf,
  budgetOf,
  changeWorkload,
  checkContext,
  fleetChanges,
  listOf,
  type PlanOptions,
  tokenPricesOf,
} from './plan-options.js'
import { printResult } from './plan-output.js'
import { fleetNamed, rivalsOf } from './plan-rivals.js'
import { searchFor } from './plan-search.js'

/** What means nothing without `--search`. */
const SEARCH_FLAGS = {
  budget: '--budget',
  targetTps: '--target-tps',
  cards: '--cards',
  rented: '--rented',
} as const satisfies Partial<Record<keyof PlanOptions, string>>

const TPS_RANGE = { min: 0.001, max: 1e9 }

const EXAMPLES = `
Examples:
  $ sputnik plan gpt-oss-120b --fleet four-gaming-pcs
  $ sputnik plan deepseek-r1 --fleet my-fleet.yaml --workload 1k1k --vs 8xh200
  $ sputnik plan gpt-oss-120b --search --budget 6000USD --cards rtx-3090,rtx-5090

docs/fleet-file.md tells how to write a fleet file, docs/plan.md how to read a plan.`

export function planCommand(): Command {
  const command = new Command('plan')
    .description(
      'Tell whether a model fits your machines, how fast it is, what a token costs, and whether a rented rack would be better. Nothing is loaded or measured.',
    )
    .argument('[model]', PLAN_MODEL_HELP)
    .option(
      '--fleet <file>',
      `YAML or JSON file, a rack, or an example: ${exampleFleets().join(', ')}`,
    )
    .option('--workload <name>', PLAN_WORKLOAD_HELP, 'chat')
    .addOption(
      new Option('--vs <names>', `compare with racks (${rackNames()}), fleet files, or none`)
        .argParser(listOf)
        .default(['gb200-nvl72', '8xh100'], 'gb200-nvl72,8xh100'),
    )
    .addOption(
      new Option('--vs-terms <terms>', 'what an hour of a rack costs')
        .choices(RACK_TERMS)
        .default('rent'),
    )
    .option(
      '--weights <format>',
      'number format of the weights, such as q4_K, or bf16/mxfp4 for trunk/experts',
    )
    .option(
      '--price <usd>',
      'what users pay for a million output tokens; prompts/output as in 0.55/2.19, or prompts/cached/output',
      tokenPricesOf,
    )
  return addOutputs(addSearch(addChanges(command)))
    .addHelpText('after', EXAMPLES)
    .action(runPlan)
}

function addChanges(command: Command): Command {
  const tokens = integer({ min: 1, max: TOKENS_MAX })
  return command
    .option(
      '--batch <numbers>',
      'how many users at once to show, as in 1,8,64; the best is shown too',
      batchesOf,
    )
    .option('--prompt <tokens>', "length of a prompt, instead of the workload's", tokens)
    .option('--output <tokens>', 'length of an answer', tokens)
    .option('--context <tokens>', 'length of prompt and answer together', tokens)
    .option(
      '--utilisation <share>',
      'part of the day with work, 0 to 1',
      decimal({ min: 0.001, max: 1 }),
    )
    .option(
      '--target-tpot <time>',
      'most time between two tokens, as in 50ms',
      quantityOf('time', { above: 0 }),
    )
    .option(
      '--target-ttft <time>',
      'most time to the first token, as in 2s',
      quantityOf('time', { above: 0 }),
    )
    .option(
      '--replicas <n>',
      'how many hosts hold each page (expert), in case one fails or is busy',
      integer({ min: 1, max: REPLICAS_MAX }),
    )
    .option(
      '--nic <speed>',
      'network port of every host, as in "25 Gbit/s"',
      quantityOf('speed', { above: 0 }),
    )
    .option(
      '--power-price <price>',
      'price of electricity, as in "0.30 USD/kWh"',
      quantityOf('energyPrice', { above: 0 }),
    )
}

function addSearch(command: Command): Command {
  return command
    .option(
      '--search',
      'find the best fleet instead of judging one; needs --budget or --target-tps',
    )
    .option('--budget <usd>', 'most that it costs, as in "6000 USD" or "2 USD/h"', budgetOf)
    .option('--target-tps <n>', 'the cheapest fleet with as many tokens/s', decimal(TPS_RANGE))
    .option('--cards <names>', 'cards to choose among, as in rtx-3090,rtx-5090', listOf)
    .option('--rented', 'rent the cards, by the prices of the catalogue')
}

function addOutputs(command: Command): Command {
  return command
    .option('--full', 'print all sections, not only what fits two screens')
    .option('--json', 'print one JSON object; docs/plan.md describes it')
    .option('--markdown', 'print markdown')
    .option('--html <file>', 'also write one page with charts')
    .option('--calibration', 'print how far estimates are from measured runs, and nothing else')
}

function rackNames(): string {
  return RACKS.map(({ id }) => id).join(', ')
}

function runPlan(model: string | undefined, options: PlanOptions): void {
  if (options.calibration === true) {
    printCalibration(options)
    return
  }
  if (model === undefined) throw missing('model', 'a name, a GGUF or a config.json')
  if (options.search === true) {
    if (options.fleet !== undefined) throw usage('--search looks for a fleet; leave out --fleet')
    const report = searchFor(model, options)
    const page = () => searchPage(report)
    printResult(options, { result: report, page, charted: () => chartedSearchPage(report) })
  } else {
    checkSearchOnly(options)
    const plan = planFor(model, options)
    const page = () => (options.full === true ? planPage(plan) : planSummary(plan))
    printResult(options, { result: plan, page, charted: () => chartedPage(plan) })
  }
}

function printCalibration({ json }: PlanOptions): void {
  const table = calibrationTable()
  const record = (): string => `${JSON.stringify(calibrationRecord(table))}\n`
  process.stdout.write(json === true ? record() : calibrationMarkdown(table))
}

/** Reads what the options name. */
function planFor(model: string, options: PlanOptions): Plan {
  if (options.fleet === undefined) {
    throw missing('--fleet', 'a fleet file or the name of an example, or --search for one')
  }
  const { fleet, assumed } = fleetNamed(options.fleet, options)
  const shape = resolveModel(model, { weights: options.weights })
  const workload = changeWorkload(resolveWorkload(options.workload), options)
  checkContext(shape, workload)
  return makePlan({
    model: shape,
    fleet: changeFleet(fleet, fleetChanges(options)),
    workload,
    alternatives: rivalsOf(options),
    prices: options.price,
    assumed: assumed.filter(({ field }) => field !== 'power' || options.powerPrice === undefined),
  })
}

function checkSearchOnly(options: PlanOptions): void {
  for (const [name, flag] of Object.entries(SEARCH_FLAGS)) {
    if (options[name as keyof typeof SEARCH_FLAGS] === undefined) continue
    throw usage(`${flag} says what to search for; give --search instead of --fleet`)
  }
}

function missing(what: string, remedy: string): SputnikError {
  return usage(`plan needs ${what}: give ${remedy}`)
}
