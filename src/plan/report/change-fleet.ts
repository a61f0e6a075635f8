/** The fleet of a file with one thing changed, as options of a command ask for it. */
import { SputnikError } from '../../base/errors.js'
import { countHosts, type Fleet, type Host } from '../fleet/fleet.js'

export type FleetChanges = {
  /** Of every network card. */
  readonly nicBytesPerSecond?: number | undefined
  readonly replicas?: number | undefined
  readonly powerUsdPerKwh?: number | undefined
}

/** @throws SputnikError PLAN_INVALID when there are fewer domains than replicas */
export function changeFleet(fleet: Fleet, changes: FleetChanges): Fleet {
  const { nicBytesPerSecond, replicas = fleet.replicas, powerUsdPerKwh } = changes
  const hosts = countHosts(fleet.domains)
  if (replicas > Math.max(1, hosts)) {
    const text = `--replicas: ${replicas} copies of each page need as many domains; ${fleet.name} has ${hosts}`
    throw new SputnikError('PLAN_INVALID', text)
  }
  const economics = { ...fleet.economics, ...(powerUsdPerKwh !== undefined && { powerUsdPerKwh }) }
  const changed = { ...fleet, replicas, economics }
  return nicBytesPerSecond === undefined ? changed : withNics(changed, nicBytesPerSecond)
}

/** Every host of the fleet with a network card of that speed. */
export function withNics(fleet: Fleet, bytesPerSecond: number): Fleet {
  const changed = (host: Host): Host => ({ ...host, nic: { ...host.nic, bytesPerSecond } })
  return { ...fleet, head: changed(fleet.head), domains: fleet.domains.map(changed) }
}
