/**
 * The form of a fleet file, quantities turned into SI units. Knows which fields there are, not what
 * stands for those that are left out.
 */
import { z } from 'zod'
import { quantity, share } from '../quantity.js'
import { WIRE_FORMATS } from './wire-format.js'

const HOSTS_MAX = 4096
const DOMAINS_MAX = 256
const GROUPS_MAX = 16
const CARDS_MAX = 1024
export const REPLICAS_MAX = 16
const NAME_MAX = 100

const name = z.string().min(1).max(NAME_MAX)
const count = (max: number) => z.int().min(1).max(max)

const speed = quantity('speed', { above: 0, max: 1e14 })
const bytes = quantity('bytes', { max: 1e17 })
const watts = quantity('power', { max: 1e8 })
const usd = quantity('money', { max: 1e10 })

/** A section whose most important field may be written alone: `nic: 25 Gbit/s`. */
function short<T extends z.ZodType>(field: string, schema: T) {
  return z.preprocess((given) => (isScalar(given) ? { [field]: given } : given), schema)
}

function isScalar(given: unknown): boolean {
  return typeof given === 'string' || typeof given === 'number'
}

const MEASURED = z.strictObject({
  flops: quantity('flops', { above: 0 }).optional(),
  bandwidth: speed.optional(),
})

const BENCH = short('file', z.strictObject({ file: z.string().min(1), model: name.optional() }))

const CARD_GROUP = z.strictObject({
  card: name,
  count: count(CARDS_MAX).optional(),
  price: usd.optional(),
  bench: BENCH.optional(),
  measured: MEASURED.optional(),
})

/** `rtx-3090`, `2x rtx-3090`, or a section. */
const CARD = z.preprocess((given) => {
  if (typeof given !== 'string') return given
  const [, times, card] = /^(\d{1,6})\s*x\s+(\S.*)$/.exec(given) ?? []
  return card === undefined ? { card: given } : { card, count: Number(times) }
}, CARD_GROUP)

const NIC = z.strictObject({
  speed,
  transport: quantity('time', { max: 1 }).optional(),
})

const MEMORY = z.strictObject({ size: bytes, speed: speed.optional() })

const HOST = {
  name: name.optional(),
  cards: z.array(CARD).max(GROUPS_MAX).optional(),
  nic: short('speed', NIC),
  ram: short('size', MEMORY).optional(),
  disk: short('size', MEMORY).optional(),
  power: watts.optional(),
  price: usd.optional(),
}

const SWITCH = z.strictObject({
  latency: quantity('time', { max: 1 }).optional(),
  buffer: bytes.optional(),
  price: usd.optional(),
  power: watts.optional(),
})

const ENCODING = z.enum(WIRE_FORMATS)

const ECONOMICS = z.strictObject({
  colocation: quantity('placePrice', { max: 1e6 }).optional(),
  years: quantity('years', { above: 0, max: 50 }).optional(),
  discount: share().optional(),
  residual: share().optional(),
  maintenance: share().optional(),
  pue: z.number().min(1).max(10).optional(),
})

export const FLEET_FILE = z.strictObject({
  name,
  layout: z.enum(['apart', 'whole']).optional(),
  head: z.strictObject(HOST),
  domains: z
    .array(z.strictObject({ ...HOST, count: count(HOSTS_MAX).optional() }))
    .max(DOMAINS_MAX)
    .optional(),
  switch: SWITCH.optional(),
  replicas: count(REPLICAS_MAX).optional(),
  wire: z.strictObject({ dispatch: ENCODING.optional(), combine: ENCODING.optional() }).optional(),
  power: quantity('energyPrice', { max: 100 }).optional(),
  economics: ECONOMICS.optional(),
  owned: z.boolean().optional(),
  rent: quantity('hourPrice', { max: 1e8 }).optional(),
})

export type FleetFile = z.output<typeof FLEET_FILE>
export type HostSection = FleetFile['head'] & { readonly count?: number | undefined }
export type CardSection = NonNullable<HostSection['cards']>[number]

/** Names of all fields, to suggest one for a name that is none. */
export const FLEET_FIELDS: readonly string[] = [
  ...Object.keys(FLEET_FILE.shape),
  ...Object.keys(HOST),
  ...[CARD_GROUP, NIC, MEMORY, MEASURED, SWITCH, ECONOMICS].flatMap(({ shape }) =>
    Object.keys(shape),
  ),
  'count',
  'dispatch',
  'combine',
  'file',
  'model',
].filter((field, i, all) => all.indexOf(field) === i)
