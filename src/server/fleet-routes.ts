/**
 * The fleet over HTTP: once as JSON, or as a stream of changes. Takes no place of a request that
 * generates.
 */
import type { DomainView, FleetView } from '../engine/protocol.js'
import type { Exchange } from './app.js'
import { type FleetUpdate, requireFleet } from './fleet-feed.js'
import { sendJson } from './http-error.js'
import { FLEET_PING_MS } from './limits.js'
import { SSE_HEADERS, SseStream } from './sse-stream.js'

export type FleetTotals = {
  readonly domains: number
  readonly ready: number
  readonly pages: number
  readonly pageBytes: number
  readonly expertCalls: number
  readonly bytesSent: number
  readonly bytesReceived: number
}

/** The body of `GET /v1/fleet`. */
export type FleetAnswer = FleetView & { readonly totals: FleetTotals }

/** The data of a `fleet` event. */
export type FleetEvent = FleetAnswer & Pick<FleetUpdate, 'intervalMs'>

export async function handleFleet({ app, res }: Exchange): Promise<void> {
  const { fleet } = await app.options.engine.stats()
  sendJson(res, 200, toAnswer(requireFleet(fleet)))
}

export async function handleFleetEvents({ app, req, res }: Exchange): Promise<void> {
  const { times } = app.options
  if (req.method === 'HEAD') {
    res.writeHead(200, SSE_HEADERS).end()
    return
  }
  const stream = new SseStream(res, { ...times, pingMs: times.pingMs ?? FLEET_PING_MS })
  let isOpen = false
  const leave = await app.fleet.watch({
    changed: (update) => {
      if (res.destroyed) return
      if (!isOpen) stream.open()
      isOpen = true
      stream.write(toEvents(update))
    },
    ended: () => stream.end(''),
  })
  if (res.destroyed) leave()
  else res.once('close', leave)
}

/** What happened comes before the fleet as it is afterwards. */
function toEvents({ view, intervalMs, changes }: FleetUpdate): string {
  const body: FleetEvent = { ...toAnswer(view), intervalMs: Math.round(intervalMs) }
  return [...changes.map((change) => toEvent('change', change)), toEvent('fleet', body)].join('')
}

function toEvent(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

function toAnswer(view: FleetView): FleetAnswer {
  const { domains } = view
  const sum = (of: (domain: DomainView) => number): number =>
    domains.reduce((total, domain) => total + of(domain), 0)
  return {
    ...view,
    totals: {
      domains: domains.length,
      ready: domains.filter(({ state }) => state === 'ready').length,
      pages: sum(({ pages }) => pages),
      pageBytes: sum(({ pageBytes }) => pageBytes),
      expertCalls: sum(({ expertCalls }) => expertCalls),
      bytesSent: sum(({ bytesSent }) => bytesSent),
      bytesReceived: sum(({ bytesReceived }) => bytesReceived),
    },
  }
}
