/** How near the nearest fleet came when none would do. */

import type { Shortage } from '../cost/placement.js'
import type { QuickEstimate } from '../cost/quick.js'
import { duration } from '../numbers.js'
import type { Workload } from '../workload.js'

export type Miss = {
  readonly name: string
  readonly text: string
  /** 0: has room but is too slow. */
  readonly missingBytes: number
  /** By how much it exceeds the latency limit that it exceeds most. */
  readonly excess: number
}

type Attempt = {
  readonly name: string
  readonly found: QuickEstimate | Shortage
  readonly workload: Workload
}

/** The one that lacks less memory; of those that lack none the one that is less too slow. */
export function nearer(known: Miss | undefined, { name, found, workload }: Attempt): Miss {
  const missingBytes = found.fits ? 0 : found.missingBytes
  const excess = found.fits ? excessOf(found, workload) : Number.POSITIVE_INFINITY
  const isNearer =
    known === undefined ||
    missingBytes < known.missingBytes ||
    (missingBytes === known.missingBytes && excess < known.excess)
  if (!isNearer) return known
  return { name, missingBytes, excess, text: textOf(found, workload) }
}

function excessOf({ smallest }: QuickEstimate, { tpotS, ttftS }: Workload): number {
  return Math.max(smallest.tpotS / tpotS, smallest.ttftS / ttftS)
}

function textOf(found: QuickEstimate | Shortage, { tpotS, ttftS }: Workload): string {
  if (!found.fits) return `${found.text}; ${found.remedy}`
  const { batch, tpotS: tpot, ttftS: ttft } = found.smallest
  return (
    `at a batch of ${batch} a token takes ${duration(tpot)} of ${duration(tpotS)} allowed, ` +
    `the first one ${duration(ttft)} of ${duration(ttftS)}`
  )
}
