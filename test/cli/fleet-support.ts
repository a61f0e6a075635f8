/** A server with the fake fleet, and what a server says of one, for tests of `sputnik fleet`. */
import type { Domain, FleetEvent } from '../../src/cli/fleet-schema.js'
import { type Harness, type HarnessOptions, startHarness } from '../server/harness.js'

export function startFleet(options: HarnessOptions = {}): Promise<Harness> {
  const times = { fleetPollMs: 100 }
  return startHarness({ times, ...options, config: { fleetListen: '10.0.0.1:10458' } })
}

export function domainOf(more: Partial<Domain> = {}): Domain {
  return {
    id: 1,
    nodeId: 'n0de1-n0de2-n0de3-n0de4',
    name: 'attic',
    state: 'ready',
    devices: ['cuda0'],
    pages: 0,
    pageBytes: 0,
    tierBytes: { device: 0, host: 0, disk: 0 },
    expertCalls: 10,
    bytesSent: 100,
    bytesReceived: 50,
    roundTripMs: null,
    replyMs: null,
    hedges: 0,
    late: 0,
    badPages: 0,
    losses: 0,
    keptOutMs: null,
    address: null,
    ...more,
  }
}

export function eventOf(more: Partial<FleetEvent> = {}): FleetEvent {
  return {
    headId: 'h',
    address: null,
    modelHash: '',
    epoch: 7,
    domains: [],
    replicas: 2,
    pages: 100,
    pageBytes: 100 << 20,
    moving: 0,
    orphans: 0,
    toMove: 0,
    short: 0,
    events: [],
    totals: { domains: 0, ready: 0, pages: 0, pageBytes: 0 },
    intervalMs: 500,
    ...more,
  }
}
