/**
 * What a server says of its fleet, as far as commands look at it. A newer server may say more;
 * `--json` passes that on. Knows nothing of how it is asked for.
 */
import { z } from 'zod'
import type { KnownNode } from '../fleet/find-node.js'

const DOMAINS_MAX = 65_536
const LAYERS_MAX = 8_192
const EXPERTS_MAX = 65_536
const HOLDERS_MAX = 64
const EVENTS_MAX = 4_096
const TEXT_MAX = 4_096

const count = z.number().min(0)
const text = z.string().max(TEXT_MAX)

const domainSchema = z.looseObject({
  id: count,
  nodeId: text.nullable(),
  name: text,
  state: text,
  devices: z.array(text),
  pages: count,
  pageBytes: count,
  tierBytes: z.object({ device: count, host: count, disk: count }),
  expertCalls: count,
  bytesSent: count,
  bytesReceived: count,
  roundTripMs: count.nullable(),
  replyMs: z.object({ p50: count, p99: count }).nullable(),
  hedges: count,
  late: count,
  badPages: count,
  losses: count,
  keptOutMs: count.nullable(),
  address: text.nullable(),
})

const changeSchema = z.looseObject({
  seq: count,
  atMs: z.number().min(0).max(8.64e15),
  kind: text,
  domain: count.nullable(),
  name: text,
  text,
})

export const fleetSchema = z.looseObject({
  headId: text,
  address: text.nullable(),
  modelHash: text,
  epoch: count,
  domains: z.array(domainSchema).max(DOMAINS_MAX),
  replicas: count,
  pages: count,
  pageBytes: count,
  moving: count,
  orphans: count,
  toMove: count,
  short: count,
  events: z.array(changeSchema).max(EVENTS_MAX),
  totals: z.looseObject({ domains: count, ready: count, pages: count, pageBytes: count }),
})

export const eventSchema = fleetSchema.extend({ intervalMs: count })

const layerSchema = z
  .looseObject({
    layer: count,
    group: text,
    calls: z.array(count).max(EXPERTS_MAX),
    holders: z.array(z.array(count).max(HOLDERS_MAX)).max(EXPERTS_MAX),
    tiers: z.array(z.string().max(HOLDERS_MAX)).max(EXPERTS_MAX),
  })
  .refine(({ calls, holders, tiers }) => {
    return calls.length === holders.length && calls.length === tiers.length
  })

export const expertsSchema = z.looseObject({
  epoch: count,
  domains: z.array(z.looseObject({ id: count, name: text })).max(DOMAINS_MAX),
  layers: z.array(layerSchema).max(LAYERS_MAX),
})

export const errorSchema = z.object({
  error: z.object({ code: text, message: z.string(), param: z.string().nullable().optional() }),
})

export type FleetAnswer = z.infer<typeof fleetSchema>
export type FleetEvent = z.infer<typeof eventSchema>
export type Domain = z.infer<typeof domainSchema>
export type Change = z.infer<typeof changeSchema>
export type ExpertsAnswer = z.infer<typeof expertsSchema>
export type Layer = z.infer<typeof layerSchema>

/** As those who look for a node want it. */
export function toKnown(domain: Domain): Domain & KnownNode {
  return { ...domain, domain: domain.id }
}
