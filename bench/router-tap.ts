/** Listens to what routers choose while a head of this process computes. */
import { StepLoop } from '../src/engine/step-loop.js'
import type { RouterChoice } from '../src/fleet/partition.js'

export type Chosen = { readonly region: number; readonly choice: RouterChoice }

/** The choices of all regions that are computed while `act` runs. */
export async function tapRouters(act: () => void | Promise<void>): Promise<Chosen[]> {
  const all: Chosen[] = []
  const { compute } = StepLoop.prototype
  StepLoop.prototype.compute = function (call) {
    const { tokens, nUsed, experts, weights } = call.choice
    const choice = { tokens, nUsed, experts: experts.slice(), weights: weights.slice() }
    all.push({ region: call.region, choice })
    compute.call(this, call)
  }
  try {
    await act()
  } finally {
    StepLoop.prototype.compute = compute
  }
  return all
}
