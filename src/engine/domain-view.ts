/** Domains as the head tells of them: cards of its own host, and those that joined. Pure. */
import type { LocalDomain } from '../domain/local-domain.js'
import type { RemoteDomain } from '../fleet/remote-domain.js'
import type { DomainView } from './fleet-protocol.js'
import { inTier, tierOfDevice } from './fleet-view.js'

/** What is not measured of a domain. */
const UNMEASURED = {
  replyMs: null,
  hedges: 0,
  late: 0,
  badPages: 0,
  keptOutMs: null,
} as const

/** `memoryBytes`: what it may take of pages. */
export function viewOwn(domain: LocalDomain, memoryBytes: number): DomainView {
  const { id, device, pages, pageBytes, expertCalls, bytesSent, bytesReceived } = domain
  return {
    ...{ id, pages, pageBytes, expertCalls, bytesSent, bytesReceived },
    ...UNMEASURED,
    nodeId: null,
    name: `card ${id}`,
    state: 'ready',
    devices: [device],
    cards: [{ device, pages, pageBytes, memoryBytes }],
    tierBytes: inTier(tierOfDevice(device), pageBytes),
    roundTripMs: null,
    losses: domain.restarts,
    address: null,
  }
}

export function viewRemote(domain: RemoteDomain, state: string): DomainView {
  const { id, nodeId, join, pages, pageBytes, expertCalls, bytesSent, bytesReceived } = domain
  const [first, ...others] = join.cards.map(({ device, memoryBytes }) => {
    return { device, pages: 0, pageBytes: 0, memoryBytes }
  })
  return {
    ...{ id, nodeId, pages, pageBytes, expertCalls, bytesSent, bytesReceived },
    ...UNMEASURED,
    name: join.name,
    state,
    devices: join.cards.map(({ device }) => device),
    cards: first === undefined ? [] : [{ ...first, pages, pageBytes }, ...others],
    tierBytes: inTier(tierOfDevice(first?.device ?? ''), pageBytes),
    roundTripMs: domain.roundTripMs ?? null,
    losses: 0,
    address: domain.address,
  }
}
