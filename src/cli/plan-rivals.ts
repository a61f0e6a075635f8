/** What `--vs` names: racks of the catalogue, and fleets of one's own. */
import { existsSync } from 'node:fs'
import { findRack, lookUpRack } from '../plan/catalog/racks.js'
import { rackFleet } from '../plan/fleet/rack-fleet.js'
import { exampleFleets, resolveFleet } from '../plan/fleet/resolve-fleet.js'
import type { Rival } from '../plan/report/make-alternatives.js'
import type { PlanOptions } from './plan-options.js'

/** @throws SputnikError RACK_UNKNOWN, and those of reading a fleet file */
export function rivalsOf({ vs = [], vsTerms }: PlanOptions): Rival[] {
  return vs.map((id) => {
    const isFleet = /\.(ya?ml|json)$/i.test(id) || existsSync(id) || exampleFleets().includes(id)
    if (lookUpRack(id) === undefined && isFleet) return { id, fleet: resolveFleet(id).fleet }
    return { id, fleet: rackFleet(findRack(id), vsTerms) }
  })
}
