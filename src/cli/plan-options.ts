/** Options of `sputnik plan` that change what its files say. Knows nothing of plans themselves. */
import { InvalidArgumentError } from 'commander'
import type { TokenPrices } from '../plan/economics/token-cost.js'
import type { RackTerms } from '../plan/fleet/rack-fleet.js'
import type { ModelShape } from '../plan/model/shape.js'
import { parseQuantity } from '../plan/quantity.js'
import type { FleetChanges } from '../plan/report/change-fleet.js'
import type { Measure } from '../plan/search/goal.js'
import { BATCH_MAX, BATCHES_MAX, type Workload } from '../plan/workload.js'
import { decimal, integer, quantityOf, usage } from './options.js'

/** `rtx-3090,rtx-5090`. */
export function listOf(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.every((name) => name !== '')) return names
  throw new InvalidArgumentError('It must be names with commas between them.')
}

export function batchesOf(text: string): readonly number[] {
  const batches = listOf(text).map(integer({ min: 1, max: BATCH_MAX }))
  if (batches.length <= BATCHES_MAX) return [...new Set(batches)].sort((a, b) => a - b)
  throw new InvalidArgumentError(`It may be ${BATCHES_MAX} numbers at most.`)
}

const PRICE_MAX = 1e6

/** `2.19` for output alone, `0.55/2.19` for prompts and output, cached prompts between them. */
export function tokenPricesOf(text: string): TokenPrices {
  const numbers = text.replace(/\s*USD\/Mtok$/, '').split('/')
  const usd = numbers.map(decimal({ min: 0, max: PRICE_MAX }))
  const outputUsd = usd.at(-1)
  if (outputUsd === undefined || usd.length > 3) {
    throw new InvalidArgumentError('It must be one to three numbers, as in 0.55/0.14/2.19.')
  }
  const inputUsd = usd.length > 1 ? (usd[0] ?? 0) : 0
  return { inputUsd, cachedInputUsd: usd.length > 2 ? (usd[1] ?? 0) : inputUsd, outputUsd }
}

export type WorkloadOptions = {
  readonly batch?: readonly number[]
  readonly prompt?: number
  readonly output?: number
  readonly context?: number
  readonly utilisation?: number
  readonly targetTpot?: number
  readonly targetTtft?: number
}

/** The workload with what the options say instead; `--context` leaves the prompt what is left. */
export function changeWorkload(workload: Workload, options: WorkloadOptions): Workload {
  const { batch, prompt, output, context, utilisation, targetTpot, targetTtft } = options
  const outputTokens = output ?? workload.outputTokens
  const rest = context === undefined ? undefined : context - outputTokens
  if (rest !== undefined && rest < 1) {
    const text = `--context: ${context} tokens leave none for the prompt beside ${outputTokens} of output`
    throw usage(`${text}; give more, or --output with fewer`)
  }
  return {
    ...workload,
    promptTokens: prompt ?? rest ?? workload.promptTokens,
    outputTokens,
    batches: batch ?? workload.batches,
    utilisation: utilisation ?? workload.utilisation,
    tpotS: targetTpot ?? workload.tpotS,
    ttftS: targetTtft ?? workload.ttftS,
  }
}

/** Dollars to spend at the start, or by the hour. */
export type Budget = { readonly measure: Measure; readonly usd: number }

export function budgetOf(text: string): Budget {
  const hour = parseQuantity('hourPrice', text)
  if ('value' in hour && hour.value > 0) return { measure: 'hour', usd: hour.value }
  return { measure: 'purchase', usd: quantityOf('money', { above: 0 })(text) }
}

/** @throws SputnikError USAGE when the model sees fewer tokens than the workload has */
export function checkContext(
  { name, contextLength }: ModelShape,
  { promptTokens, outputTokens }: Workload,
): void {
  const tokens = promptTokens + outputTokens
  if (tokens <= contextLength) return
  const text = `--context: ${tokens} tokens of prompt and answer; ${name} sees ${contextLength}`
  throw usage(`${text}; give fewer with --context, --prompt or --output`)
}

export type FleetOptions = {
  readonly nic?: number
  readonly replicas?: number
  readonly powerPrice?: number
}

export function fleetChanges({ nic, replicas, powerPrice }: FleetOptions): FleetChanges {
  return { nicBytesPerSecond: nic, replicas, powerUsdPerKwh: powerPrice }
}

/** As the command line gives them. */
export type PlanOptions = WorkloadOptions &
  FleetOptions & {
    readonly fleet?: string
    readonly workload: string
    readonly vs: readonly string[]
    readonly vsTerms: RackTerms
    readonly weights?: string
    readonly price?: TokenPrices
    readonly search?: boolean
    readonly budget?: Budget
    readonly targetTps?: number
    readonly cards?: readonly string[]
    readonly rented?: boolean
    readonly full?: boolean
    readonly json?: boolean
    readonly markdown?: boolean
    readonly html?: string
    readonly calibration?: boolean
  }
