/** How fast a fleet works, by comparing two looks at it. Pure. */
import { MS_PER_SECOND } from '../base/units.js'
import type { FleetAnswer, FleetEvent } from './fleet-schema.js'

/** Per second. */
export type Rates = {
  readonly calls: number
  readonly sent: number
  readonly received: number
}

/** By id of the domain. */
export type FleetRates = ReadonlyMap<number, Rates>

export const NO_RATES: Rates = { calls: 0, sent: 0, received: 0 }

/** A domain that came, or whose counts began again, has no rates yet. */
export function ratesBetween(before: FleetAnswer, after: FleetEvent): FleetRates {
  const seconds = after.intervalMs / MS_PER_SECOND
  if (seconds <= 0) return new Map()
  const known = new Map(before.domains.map((domain) => [domain.id, domain]))
  const rates = after.domains.flatMap((domain): [number, Rates][] => {
    const old = known.get(domain.id)
    if (old === undefined || old.nodeId !== domain.nodeId) return []
    const perSecond = (now: number, then: number): number => Math.max(0, now - then) / seconds
    const calls = perSecond(domain.expertCalls, old.expertCalls)
    const sent = perSecond(domain.bytesSent, old.bytesSent)
    return [
      [domain.id, { calls, sent, received: perSecond(domain.bytesReceived, old.bytesReceived) }],
    ]
  })
  return new Map(rates)
}
