/**
 * A fleet as lines for people, and how fast it works by comparing two looks at it. Pure; knows
 * nothing of servers and terminals.
 */
import { formatTable } from '../base/table.js'
import { formatBytes } from '../base/units.js'
import { type Domain, type FleetAnswer, type FleetEvent, printable } from './fleet-client.js'

/** Per second. */
export type Rates = {
  readonly calls: number
  readonly sent: number
  readonly received: number
}

/** By id of the domain. */
export type FleetRates = ReadonlyMap<number, Rates>

const NO_RATES: Rates = { calls: 0, sent: 0, received: 0 }
const MS_PER_SECOND = 1000

const TITLES = ['id', 'name', 'node', 'state', 'devices', 'pages', 'bytes']

/** What `fleet ls` prints. */
export function formatFleet(fleet: FleetAnswer): string {
  const titles = [...TITLES, 'calls', 'sent', 'received', 'round trip']
  const rows = fleet.domains.map((domain) => [
    ...whoAndWhat(domain),
    String(domain.expertCalls),
    formatBytes(domain.bytesSent),
    formatBytes(domain.bytesReceived),
    formatRoundTrip(domain),
  ])
  return [...formatTable(titles, rows), ...summary(fleet)].join('\n')
}

/** What `fleet top` shows: the same with rates in the place of sums. */
export function formatRates(fleet: FleetAnswer, rates: FleetRates): string {
  const titles = [...TITLES, 'calls/s', 'sent/s', 'received/s', 'round trip']
  const rows = fleet.domains.map((domain) => {
    const { calls, sent, received } = rates.get(domain.id) ?? NO_RATES
    return [
      ...whoAndWhat(domain),
      calls.toFixed(0),
      formatBytes(sent),
      formatBytes(received),
      formatRoundTrip(domain),
    ]
  })
  return [...formatTable(titles, rows), ...summary(fleet)].join('\n')
}

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

function whoAndWhat(domain: Domain): string[] {
  return [
    String(domain.id),
    printable(domain.name),
    printable(domain.nodeId ?? '-'),
    printable(domain.state),
    printable(domain.devices.join(',')) || '-',
    String(domain.pages),
    formatBytes(domain.pageBytes),
  ]
}

function formatRoundTrip({ roundTripMs }: Domain): string {
  return roundTripMs === null ? '-' : `${roundTripMs.toFixed(2)} ms`
}

function summary(fleet: FleetAnswer): string[] {
  const { totals, moving, orphans } = fleet
  const parts = [
    `${totals.ready} of ${totals.domains} domains ready`,
    `${totals.pages} pages (${formatBytes(totals.pageBytes)})`,
    `${moving} moving`,
    `${orphans} held by nobody`,
    `epoch ${fleet.epoch}`,
  ]
  const { address } = fleet
  const place = address === null ? 'domains cannot join' : `domains join at ${printable(address)}`
  return ['', `${parts.join(', ')}; ${place}`]
}
