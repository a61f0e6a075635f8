/**
 * A fleet as lines for people: its domains, what moves, what happened. Pure; knows nothing of
 * servers and terminals.
 */
import { formatTable } from '../base/table.js'
import { formatBytes } from '../base/units.js'
import { type Column, formatColumns } from './column-table.js'
import { type FleetRates, NO_RATES } from './fleet-rates.js'
import type { Change, Domain, FleetAnswer } from './fleet-schema.js'
import { formatBar, formatDuration, formatShare, type MoveProgress } from './move-progress.js'
import { printable } from './printable.js'

const TOP_EVENTS = 8

const column = (title: string, rank: number, cell: (one: Domain) => string): Column<Domain> => {
  return { title, rank, cell }
}

const ID = column('id', 0, ({ id }) => String(id))
const NAME = column('name', 0, ({ name }) => printable(name))
const NODE = column('node', 3, ({ nodeId }) => printable(nodeId ?? '-'))
const STATE = column('state', 0, formatState)
const CARDS = column('cards', 4, ({ devices }) => printable(devices.join(',')) || '-')
const PAGES = column('pages', 0, ({ pages }) => String(pages))
const HOLDS = column('holds', 2, formatTiers)
const ROUND_TRIP = column('round trip', 6, ({ roundTripMs }) => formatMs(roundTripMs))
const REPLY_P50 = column('reply p50', 1, ({ replyMs }) => formatMs(replyMs?.p50))
const REPLY_P99 = column('p99', 1, ({ replyMs }) => formatMs(replyMs?.p99))
const HEDGES = column('hedges', 5, ({ hedges }) => String(hedges))
const LATE = column('late', 7, ({ late }) => String(late))
const LOSSES = column('losses', 3, ({ losses }) => String(losses))

const LIST: readonly Column<Domain>[] = [
  ...[ID, NAME, NODE, STATE, CARDS, PAGES, HOLDS],
  column('calls', 5, ({ expertCalls }) => String(expertCalls)),
  column('sent', 6, ({ bytesSent }) => formatBytes(bytesSent)),
  column('received', 6, ({ bytesReceived }) => formatBytes(bytesReceived)),
  ...[ROUND_TRIP, REPLY_P50, REPLY_P99, HEDGES, LATE, LOSSES],
  column('bad pages', 8, ({ badPages }) => String(badPages)),
  column('address', 7, ({ address }) => printable(address ?? '-')),
]

/** What `fleet ls` prints. */
export function formatFleet(fleet: FleetAnswer, width: number): string {
  const share = fleet.pages === 0 ? 1 : 1 - fleet.toMove / fleet.pages
  const bar = fleet.toMove === 0 ? [] : [`${formatBar(share)} ${formatShare(share)} in place`]
  return [...formatColumns(LIST, fleet.domains, width), '', ...summary(fleet), ...bar].join('\n')
}

export type TopView = {
  readonly fleet: FleetAnswer
  readonly rates: FleetRates
  readonly progress: MoveProgress
}

/** What `fleet top` shows: rates in the place of sums, what moves, what happened last. */
export function formatTop({ fleet, rates, progress }: TopView, width: number): string {
  const of = ({ id }: Domain) => rates.get(id) ?? NO_RATES
  const columns: readonly Column<Domain>[] = [
    ...[ID, NAME, STATE, CARDS, PAGES, HOLDS],
    column('calls/s', 1, (domain) => of(domain).calls.toFixed(0)),
    column('sent/s', 3, (domain) => formatBytes(of(domain).sent)),
    column('received/s', 3, (domain) => formatBytes(of(domain).received)),
    ...[REPLY_P50, REPLY_P99, ROUND_TRIP, HEDGES, LATE, LOSSES],
  ]
  return [
    ...formatColumns(columns, fleet.domains, width),
    '',
    ...summary(fleet),
    ...formatProgress(fleet, progress),
    ...formatChanges(fleet.events.slice(-TOP_EVENTS)),
  ].join('\n')
}

function formatProgress({ toMove }: FleetAnswer, progress: MoveProgress): string[] {
  if (toMove === 0) return []
  const { share, leftMs } = progress
  const rest = leftMs === undefined ? '' : `, about ${formatDuration(leftMs)} left`
  return [`${formatBar(share)} ${formatShare(share)} moved${rest}`]
}

/** The last one first: the end of a screen may be cut off. */
function formatChanges(events: readonly Change[]): string[] {
  if (events.length === 0) return []
  const rows = [...events].reverse().map(({ atMs, kind, domain, name, text }) => {
    const who = domain === null ? printable(name) : `${printable(name)} (${domain})`
    return [formatTime(atMs), who || '-', printable(kind), printable(text)]
  })
  return ['', ...formatTable(['at', 'who', 'what', ''], rows)]
}

function formatTime(atMs: number): string {
  const at = new Date(atMs)
  const parts = [at.getHours(), at.getMinutes(), at.getSeconds()]
  return parts.map((part) => String(part).padStart(2, '0')).join(':')
}

function formatState({ state, keptOutMs }: Domain): string {
  if (keptOutMs === null) return printable(state)
  return `${printable(state)}, out for ${formatDuration(keptOutMs)}`
}

function formatTiers({ tierBytes }: Domain): string {
  const { device, host, disk } = tierBytes
  const tiers = [
    [device, 'device'],
    [host, 'host'],
    [disk, 'disk'],
  ] as const
  const held = tiers.filter(([bytes]) => bytes > 0)
  return held.map(([bytes, tier]) => `${formatBytes(bytes)} ${tier}`).join(' + ') || '-'
}

function formatMs(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '-'
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`
}

function summary(fleet: FleetAnswer): string[] {
  const { totals, address, replicas, moving, toMove, short, orphans } = fleet
  const place = address === null ? 'domains cannot join' : `domains join at ${printable(address)}`
  const holders = replicas === 1 ? '1 holder' : `${replicas} holders`
  const pages = `${fleet.pages} pages (${formatBytes(fleet.pageBytes)}), ${holders} each`
  const counts = `${toMove} to move, ${moving} on their way, ${short} short, ${orphans} held by nobody`
  return [
    `${totals.ready} of ${totals.domains} domains ready, epoch ${fleet.epoch}; ${place}`,
    `${pages}: ${counts}`,
  ]
}
