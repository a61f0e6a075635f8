/** Makes of the options of `sputnik sim serving` what the simulation needs. */
import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'
import { SputnikError } from '../base/errors.js'
import { hashText, Prng } from '../base/prng.js'
import { SECONDS_PER_HOUR } from '../base/units.js'
import { formatValue } from '../chart/number-format.js'
import { UNIFORM } from '../plan/cost/routing.js'
import { countHosts, type Fleet } from '../plan/fleet/fleet.js'
import { resolveFleet } from '../plan/fleet/resolve-fleet.js'
import { readInputFile } from '../plan/input-file.js'
import { resolveModel } from '../plan/model/resolve-model.js'
import type { ModelShape } from '../plan/model/shape.js'
import type { Workload } from '../plan/workload.js'
import { resolveWorkload } from '../plan/workload-file.js'
import { rememberedLayers } from '../sim/moe/layer-networks.js'
import { dailyWave, hourlyRate, type Rate, steadyRate } from '../sim/serving/arrivals.js'
import type { CollectorOptions } from '../sim/serving/collector.js'
import { type Fault, faultsOf, type Outage, randomOutages } from '../sim/serving/faults.js'
import type { ServingSubject } from '../sim/serving/format.js'
import {
  closedForm,
  flowModel,
  type LayerNetwork,
  type Links,
} from '../sim/serving/layer-network.js'
import { type Lengths, meanLength } from '../sim/serving/lengths.js'
import { type PacketTransport, packetLayers } from '../sim/serving/packet-layers.js'
import {
  layOutFor,
  type PlannedMachines,
  planMachines,
  roomForSequences,
} from '../sim/serving/plan-machines.js'
import type { Popularity } from '../sim/serving/popularity.js'
import { parseRequests } from '../sim/serving/request-trace.js'
import { type Request, type RequestSource, replay, Traffic } from '../sim/serving/requests.js'
import type { SimulationOptions } from '../sim/serving/simulation.js'
import { usage } from './options.js'

export type ServingOptions = {
  readonly fleet: string
  readonly workload: string
  readonly weights?: string
  readonly requests?: string
  readonly rate?: number
  readonly swing: number
  readonly peakHour: number
  readonly hourly?: readonly number[]
  readonly prompt?: Lengths
  readonly output?: Lengths
  readonly shared?: number
  readonly hours: number
  readonly seed: number
  readonly parallel?: number
  readonly ctx?: number
  readonly batch?: number
  readonly waiting: number
  readonly sloTtft?: number
  readonly sloTpot?: number
  readonly warmup?: number
  readonly replicas?: number
  readonly popularity?: Popularity | string
  readonly placement: 'blind' | 'popular'
  readonly network: 'closed' | 'flow' | PacketTransport
  readonly fault?: readonly Outage[]
  readonly mtbf?: number
  readonly repair: number
  readonly lease: number
  readonly origin: boolean
  readonly samples: number
  readonly json?: boolean
  readonly trace?: string
  readonly html?: string
}

export type ServingSetup = PlannedMachines & {
  readonly about: ServingSubject
  readonly simulation: Omit<SimulationOptions, 'watcher'>
  readonly collector: CollectorOptions
}

/** Unless the workload needs more. */
const CTX = 8192
const BATCH = 512
const PARALLEL_MAX = 256
const WARMUP_SHARE = 0.05
const STRETCHES = 240
const TRACE_BYTES_MAX = 1e9
/** Layers whose bytes and computations differ by less than this are simulated in packets once. */
const GRAIN = 0.01

/** @throws SputnikError USAGE, TRACE_INVALID, and those of reading model, fleet and workload */
export function prepareServing(modelName: string, options: ServingOptions): ServingSetup {
  const model = resolveModel(modelName, { weights: options.weights })
  const { fleet: built } = resolveFleet(options.fleet)
  const fleet = { ...built, replicas: options.replicas ?? built.replicas }
  const workload = resolveWorkload(options.workload)
  const durationS = SECONDS_PER_HOUR * options.hours
  const warmupS = options.warmup ?? WARMUP_SHARE * durationS
  if (warmupS >= durationS) throw usage('--warmup is as long as --hours; make it shorter')
  const lengths = lengthsOf(options, workload)
  const sizes = sizesOf(options, { model, fleet, lengths })
  const planned = plannedMachines(options, { model, fleet, sizes, durationS })
  const { contextLength } = sizes
  const source = requestsOf(options, { lengths, contextLength, durationS })
  return {
    ...planned,
    about: {
      ...{ model: model.name, fleet: fleet.name, source: source.text, hours: options.hours },
      ...sizes,
      ...{ domainNames: planned.names, isOnCards: planned.isOnCards },
    },
    simulation: {
      ...sizes,
      waitingMax: options.waiting,
      sharedPrefix: options.shared ?? Math.round(workload.cachedShare * workload.promptTokens),
      requests: source.requests,
      machines: planned.machines,
    },
    collector: {
      ...{ warmupS, durationS, stretches: STRETCHES, domains: planned.machines.domains },
      slo: {
        ttftS: options.sloTtft ?? workload.ttftS,
        tpotS: options.sloTpot ?? workload.tpotS,
      },
    },
  }
}

type AllLengths = { readonly prompts: Lengths; readonly outputs: Lengths }

function lengthsOf({ prompt, output }: ServingOptions, workload: Workload): AllLengths {
  return {
    prompts: prompt ?? { kind: 'fixed', tokens: workload.promptTokens },
    outputs: output ?? { kind: 'fixed', tokens: workload.outputTokens },
  }
}

type Sizes = Pick<SimulationOptions, 'parallel' | 'batch' | 'contextLength'>

function sizesOf(
  options: ServingOptions,
  given: { model: ModelShape; fleet: Fleet; lengths: AllLengths },
): Sizes {
  const { model, fleet, lengths } = given
  const contextLength = contextOf(options, { model, lengths })
  const parallel =
    options.parallel ?? roomForSequences(model, { fleet, contextLength, max: PARALLEL_MAX })
  const batch = options.batch ?? Math.max(BATCH, parallel)
  if (batch >= parallel) return { parallel, batch, contextLength }
  const text = `--batch ${batch} has no room for a token of each of ${parallel} sequences`
  throw usage(`${text}; give at least --batch ${parallel}`)
}

/** What always is longer is refused, what sometimes is gets cut. */
function contextOf(
  { ctx, requests }: ServingOptions,
  { model, lengths }: { model: ModelShape; lengths: AllLengths },
): number {
  const { prompts, outputs } = lengths
  const isFixed = prompts.kind === 'fixed' && outputs.kind === 'fixed' && requests === undefined
  const need = isFixed ? prompts.tokens + outputs.tokens : 0
  const contextLength = ctx ?? Math.min(model.contextLength, Math.max(CTX, need))
  if (need <= contextLength) return contextLength
  const text = `prompt and answer take ${need} tokens, but a sequence has room for ${contextLength}`
  throw usage(`${text}; give --ctx ${need}, or less --prompt or --output`)
}

function plannedMachines(
  options: ServingOptions,
  given: { model: ModelShape; fleet: Fleet; sizes: Sizes; durationS: number },
): PlannedMachines {
  const { model, fleet, sizes, durationS } = given
  const plan = layOutFor(model, { fleet, cache: sizes })
  const domains = countHosts(fleet.domains)
  return planMachines(plan, {
    popularity: popularityOf(options.popularity, model),
    knowsPopularity: options.placement === 'popular',
    hasOrigin: options.origin,
    network: networkFor(options),
    faults: faultsFor(options, { domains, durationS }),
    leaseS: options.lease,
    samples: options.samples,
    usualTokens: sizes.parallel,
    seed: seedFor(options, 'machines'),
  })
}

function networkFor(options: ServingOptions): (links: Links) => LayerNetwork {
  const { network: transport } = options
  if (transport === 'closed') return closedForm
  if (transport === 'flow') return flowModel
  return (links) => {
    const packets = packetLayers(links, { transport, seed: seedFor(options, 'packets') })
    return rememberedLayers(packets, { links, grain: GRAIN })
  }
}

const COUNTS = z.array(z.array(z.number().min(0)).min(1)).min(1)

function popularityOf(given: Popularity | string = UNIFORM, model: ModelShape): Popularity {
  if (typeof given !== 'string') return given
  const parsed = COUNTS.safeParse(parseJson(readInputFile(given)))
  const isRight = (row: readonly number[]): boolean =>
    row.length === model.experts && row.filter((count) => count > 0).length >= model.expertsUsed
  if (parsed.success && parsed.data.every(isRight)) return { kind: 'counts', counts: parsed.data }
  throw usage(
    `--popularity ${given}: it must be a JSON list of layers, each a list of ${model.experts} ` +
      `counts, at least ${model.expertsUsed} of them above 0`,
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function faultsFor(
  options: ServingOptions,
  { domains, durationS }: { domains: number; durationS: number },
): Fault[] {
  const { fault = [], mtbf, repair } = options
  for (const { domain } of fault) {
    if (domain < domains) continue
    const range = domains === 0 ? 'the fleet has none' : `give 0 to ${domains - 1}`
    throw usage(`--fault: there is no domain ${domain}; ${range}`)
  }
  const prng = Prng.fromSeed(seedFor(options, 'faults'))
  const ids = Array.from({ length: domains }, (_, id) => id)
  const random =
    mtbf === undefined
      ? []
      : randomOutages({ domains: ids, upS: mtbf, awayS: repair, durationS, prng })
  return faultsOf([...fault, ...random])
}

function requestsOf(
  options: ServingOptions,
  given: { lengths: AllLengths; contextLength: number; durationS: number },
): { readonly requests: RequestSource; readonly text: string } {
  const { lengths, contextLength, durationS } = given
  if (options.requests !== undefined) {
    const recorded = readRequests(options.requests)
    return { requests: replay(recorded, durationS), text: `requests of ${options.requests}` }
  }
  const rate = rateOf(options)
  const seed = seedFor(options, 'requests')
  const requests = new Traffic({ rate, ...lengths, contextLength, durationS, seed })
  const perSecond = formatValue(options.rate ?? 0, 'requests/s')
  const about = `prompts of ${textOf(lengths.prompts)}, answers of ${textOf(lengths.outputs)}`
  return { requests, text: `${perSecond}, ${about} tokens` }
}

function textOf(lengths: Lengths): string {
  return lengths.kind === 'fixed'
    ? String(lengths.tokens)
    : `some ${Math.round(meanLength(lengths))}`
}

function rateOf({ rate, swing, peakHour, hourly }: ServingOptions): Rate {
  if (rate === undefined) {
    throw usage('neither --rate nor --requests; say how many requests come, as in --rate 3/s')
  }
  if (hourly !== undefined) return hourlyRate(rate, hourly)
  return swing === 0 ? steadyRate(rate) : dailyWave(rate, { swing, peakHour })
}

/** @throws SputnikError TRACE_INVALID, FILE_NOT_FOUND */
function readRequests(path: string): Request[] {
  let text: string
  try {
    const { size } = statSync(path)
    if (size > TRACE_BYTES_MAX) {
      throw new SputnikError('TRACE_INVALID', `${path}: larger than 1 GB; cut it`, { line: 1 })
    }
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof SputnikError) throw error
    throw new SputnikError('FILE_NOT_FOUND', `${path}: cannot be read`, { path }, error)
  }
  return parseRequests(text, path)
}

function seedFor({ seed }: ServingOptions, what: string): number {
  return hashText(what, seed)
}
