/** Fleets and racks by name, as `--fleet` and `--vs` take them. */
import { findRack, lookUpRack } from '../plan/catalog/racks.js'
import type { BuiltFleet } from '../plan/fleet/build-fleet.js'
import { rackFleet } from '../plan/fleet/rack-fleet.js'
import { exampleFleets, resolveFleet } from '../plan/fleet/resolve-fleet.js'
import { isInputFile } from '../plan/input-file.js'
import type { Rival } from '../plan/report/make-alternatives.js'
import type { PlanOptions } from './plan-options.js'

const NONE = 'none'

/** @throws SputnikError FLEET_UNKNOWN, and those of reading a fleet file */
export function fleetNamed(name: string, { vsTerms }: PlanOptions): BuiltFleet {
  const rack = lookUpRack(name)
  return rack === undefined ? resolveFleet(name) : { fleet: rackFleet(rack, vsTerms), assumed: [] }
}

/** @throws SputnikError RACK_UNKNOWN, and those of reading a fleet file */
export function rivalsOf(options: PlanOptions): Rival[] {
  const ids = options.vs.filter((id) => id !== NONE)
  return ids.map((id) => {
    // What is neither is taken for a rack: there are more of them to mistype.
    if (!isInputFile(id) && !exampleFleets().includes(id)) findRack(id)
    return { id, fleet: fleetNamed(id, options).fleet }
  })
}
