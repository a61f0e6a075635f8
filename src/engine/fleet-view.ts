/** The fleet as the server and people see it. */
import type { LocalDomain } from '../domain/local-domain.js'
import type { Fleet } from '../fleet/fleet.js'
import type { JoinedDomain } from '../fleet/fleet-domain.js'
import { RemoteDomain } from '../fleet/remote-domain.js'
import type { DomainView, FleetView } from './protocol.js'

/** What the head knows of itself. */
export type HeadFacts = {
  readonly headId: string
  readonly address: string | null
  readonly modelHash: string
}

export function viewFleet(
  fleet: Fleet,
  own: readonly LocalDomain[],
  { headId, address, modelHash }: HeadFacts,
): FleetView {
  return {
    ...{ headId, address, modelHash },
    epoch: fleet.directory.epoch,
    domains: [...own.map(viewOwn), ...fleet.joined.map((domain) => viewJoined(fleet, domain))],
    moving: fleet.moving,
    orphans: fleet.orphans,
  }
}

function viewOwn(domain: LocalDomain): DomainView {
  const { id, device, pages, pageBytes, expertCalls, bytesSent, bytesReceived } = domain
  return {
    ...{ id, pages, pageBytes, expertCalls, bytesSent, bytesReceived },
    nodeId: null,
    name: `card ${id}`,
    state: 'ready',
    devices: [device],
    roundTripMs: null,
  }
}

function viewJoined(fleet: Fleet, domain: JoinedDomain): DomainView {
  const { id, nodeId, name, pages, pageBytes, expertCalls, link } = domain
  const member = fleet.members.find((one) => one.nodeId === nodeId)
  const remote = domain instanceof RemoteDomain ? domain : undefined
  return {
    ...{ id, nodeId, name, pages, pageBytes, expertCalls },
    bytesSent: link?.bytesSent ?? 0,
    bytesReceived: link?.bytesReceived ?? 0,
    state: member?.state ?? 'lost',
    devices: remote?.join.cards.map(({ device }) => device) ?? [],
    roundTripMs: remote?.roundTripMs ?? null,
  }
}
