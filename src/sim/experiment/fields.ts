/**
 * What an experiment may be described with: the same fields in a file as on the command line, with
 * quantities turned into SI units. Knows which fields there are, not what stands for those that are
 * left out, nor which go together.
 */
import { z } from 'zod'
import { checkPlan, parsePlanText } from '../../plan/plan-file.js'
import { quantity, show } from '../../plan/quantity.js'
import { TRANSPORT_NAMES, type TransportName } from './transports.js'

const HOSTS_MAX = 4096
const SWITCHES_MAX = 1024
const ROUNDS_MAX = 100_000
const SEED_MAX = 2 ** 32 - 1
const NAME_MAX = 100
/** A jumbo packet of 9000 bytes and headers, with room to spare. */
const MTU_MAX = 65_536
const MTU_MIN = 128
/** Queues are counted in 31 bits. */
const BUFFER_MAX = 1e9
const FLOW_MAX = 1e12
const SWEEP_MAX = 64
const TOKENS_MAX = 1_000_000
const CARDS_MAX = 64
const RATE_MIN = 125_000

const count = (min: number, max: number) =>
  z.preprocess(
    (given) => (typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : given),
    z.int().min(min).max(max),
  )

/** Whole bytes. */
const size = (min: number, max: number) => quantity('bytes', { min, max }).transform(Math.round)

const time = (bounds: { readonly above?: number; readonly max: number }) => quantity('time', bounds)

export type Switching = 'auto' | 'on' | 'off'

/** What `--ecn`, `ecn: on` and `ecn: true` have in common. */
function isSaid(given: unknown): Switching | undefined {
  if (given === true || given === 'on') return 'on'
  if (given === false || given === 'off') return 'off'
  return given === 'auto' ? 'auto' : undefined
}

const switching = z.preprocess((given) => isSaid(given) ?? given, z.enum(['auto', 'on', 'off']))

/** Or a queue's length. */
const ecn = z.unknown().transform((given, context): Switching | number => {
  const said = isSaid(given)
  if (said !== undefined) return said
  const parsed = size(0, BUFFER_MAX).safeParse(given)
  if (parsed.success) return parsed.data
  const problem = parsed.error.issues[0]?.message ?? ''
  context.addIssue({ code: 'custom', message: `${problem}, or auto, on or off` })
  return z.NEVER
})

/** Every host sends to one other, or to all others; or some to one. */
export type Pattern =
  | { readonly kind: 'incast'; readonly senders: number }
  | { readonly kind: 'permutation' }
  | { readonly kind: 'all-to-all' }

export type NamedWorkload = Pattern | { readonly kind: 'moe'; readonly model: string }

export const WORKLOAD_HELP = 'incast:<senders>, permutation, all-to-all or moe:<model>'

const workload = z.unknown().transform((given, context): NamedWorkload => {
  if (given === 'permutation' || given === 'all-to-all') return { kind: given }
  const [, model] = /^moe:(.{1,1000})$/.exec(String(given)) ?? []
  if (model !== undefined) return { kind: 'moe', model }
  const [, digits] = /^incast:(\d{1,9})$/.exec(String(given)) ?? []
  const senders = Number(digits)
  if (senders >= 1 && senders < HOSTS_MAX) return { kind: 'incast', senders }
  const is = digits === undefined ? `is ${show(given)}` : `has ${digits} senders`
  const limit = digits === undefined ? '' : `, with 1 to ${HOSTS_MAX - 1} senders`
  context.addIssue({ code: 'custom', message: `${is}; it must be ${WORKLOAD_HELP}${limit}` })
  return z.NEVER
})

const transport = z.enum(TRANSPORT_NAMES)

/** A list, or its names with commas between. */
const transports = z.preprocess(
  (given) => (typeof given === 'string' ? given.split(',').map((name) => name.trim()) : given),
  z
    .array(transport)
    .min(1)
    .max(TRANSPORT_NAMES.length)
    .transform((names): readonly TransportName[] => [...new Set(names)]),
)

const EXPERIMENT_FIELDS = z.strictObject({
  name: z.string().min(1).max(NAME_MAX).optional(),
  topology: z.enum(['star', 'leaf-spine', 'fat-tree']).optional(),
  hosts: count(2, HOSTS_MAX).optional(),
  leaves: count(1, SWITCHES_MAX).optional(),
  spines: count(1, SWITCHES_MAX).optional(),
  rate: quantity('speed', { min: RATE_MIN, max: 1e12 }).optional(),
  uplink: quantity('speed', { min: RATE_MIN, max: 1e12 }).optional(),
  delay: time({ max: 1 }).optional(),
  buffer: size(0, BUFFER_MAX).optional(),
  mtu: size(MTU_MIN, MTU_MAX).optional(),
  transport: transport.optional(),
  compare: transports.optional(),
  spray: z.enum(['auto', 'flow', 'packet']).optional(),
  ecn: ecn.optional(),
  trim: switching.optional(),
  pfc: switching.optional(),
  rto: time({ above: 0, max: 100 }).optional(),
  workload: workload.optional(),
  bytes: size(1, FLOW_MAX).optional(),
  layout: z.enum(['apart', 'whole']).optional(),
  tokens: count(1, TOKENS_MAX).optional(),
  card: z.string().min(1).max(NAME_MAX).optional(),
  cards: count(1, CARDS_MAX).optional(),
  rounds: count(1, ROUNDS_MAX).optional(),
  seed: count(0, SEED_MAX).optional(),
  until: time({ above: 0, max: 3600 }).optional(),
  sweep: z
    .string()
    .max(SWEEP_MAX * 20)
    .optional(),
})

export type Fields = z.output<typeof EXPERIMENT_FIELDS>

export const FIELD_NAMES: readonly string[] = Object.keys(EXPERIMENT_FIELDS.shape)

/** `source`: named in errors. @throws SputnikError PLAN_INVALID */
export function checkFields(values: unknown, source: string): Fields {
  return checkPlan(EXPERIMENT_FIELDS, values, { source, fields: FIELD_NAMES })
}

/** A YAML or JSON text. @throws SputnikError PLAN_INVALID */
export function parseExperiment(text: string, source: string): Fields {
  return checkFields(parsePlanText(text, source), source)
}
