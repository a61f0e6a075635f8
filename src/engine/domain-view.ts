/** Domains as the head tells of them: cards of its own host, and those that joined. Pure. */
import { LocalDomain } from '../domain/local-domain.js'
import type { Fleet } from '../fleet/fleet.js'
import type { FleetDomain } from '../fleet/fleet-domain.js'
import { RemoteDomain } from '../fleet/remote-domain.js'
import type { CardTier } from '../pages/domain-table.js'
import type { Page } from '../pages/holder-table.js'
import type { DomainView } from './fleet-protocol.js'
import { inTier, tierOfDevice } from './fleet-view.js'

/** `memoryBytes`: what it may take of pages. */
export function viewOwn(
  domain: LocalDomain,
  { fleet, memoryBytes }: { fleet: Fleet; memoryBytes: number },
): DomainView {
  const { id, device, pages, pageBytes, expertCalls, bytesSent, bytesReceived } = domain
  return {
    ...{ id, pages, pageBytes, expertCalls, bytesSent, bytesReceived },
    ...measured(fleet, id),
    nodeId: null,
    name: `card ${id}`,
    state: 'ready',
    devices: [device],
    cards: [{ device, pages, pageBytes, memoryBytes }],
    tierBytes: inTier(tierOfDevice(device), pageBytes),
    badPages: 0,
    keptOutMs: null,
    roundTripMs: null,
    losses: domain.restarts,
    address: null,
  }
}

/** Domains that joined. `now`: of the fleet's clock, in milliseconds. */
export function viewJoined(fleet: Fleet, now: number): DomainView[] {
  const members = new Map(fleet.members.map((member) => [member.nodeId, member]))
  return fleet.joined.flatMap((domain) => {
    const member = members.get(domain.nodeId)
    if (!(domain instanceof RemoteDomain) || member === undefined) return []
    const { state, losses, keptOutUntilMs } = member
    const keptOutMs = keptOutUntilMs > now ? keptOutUntilMs - now : null
    return [{ ...viewRemote(domain), ...measured(fleet, domain.id), state, losses, keptOutMs }]
  })
}

/** The memory a page is in that the directory says a domain holds; undefined: in none. */
export function tierOfPage(domain: FleetDomain | undefined, page: Page): CardTier | undefined {
  if (domain instanceof LocalDomain) return tierOfDevice(domain.device)
  return domain instanceof RemoteDomain ? domain.tierOf(page) : undefined
}

type Measured = Pick<DomainView, 'replyMs' | 'hedges' | 'late'>

function viewRemote(
  domain: RemoteDomain,
): Omit<DomainView, 'state' | 'losses' | 'keptOutMs' | keyof Measured> {
  const { id, nodeId, name, join, pages, pageBytes, expertCalls, bytesSent, bytesReceived } = domain
  const { status } = domain
  return {
    ...{ id, nodeId, name, pages, pageBytes, expertCalls, bytesSent, bytesReceived },
    devices: join.cards.map(({ device }) => device),
    cards: viewCards(domain),
    tierBytes: status?.tierBytes ?? NOTHING,
    badPages: status?.badPages ?? 0,
    roundTripMs: domain.roundTripMs,
    address: domain.address,
  }
}

const NOTHING = { device: 0, host: 0, disk: 0 }

/** As the domain said last. */
function viewCards({ status, join }: RemoteDomain): DomainView['cards'] {
  if (status === undefined) {
    return join.cards.map((card) => ({ ...card, pages: 0, pageBytes: 0 }))
  }
  return status.cards.map(({ device, pages, bytes, memoryBytes }) => {
    return { device, pages, pageBytes: bytes, memoryBytes }
  })
}

function measured({ estimates }: Fleet, id: number): Measured {
  const times = estimates.times(id)
  const p50 = times?.quantileMs(0.5)
  const p99 = times?.quantileMs(0.99)
  const replyMs = p50 === undefined || p99 === undefined ? null : { p50, p99 }
  return { replyMs, ...estimates.counts(id) }
}
