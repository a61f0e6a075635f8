/**
 * Offers held to measurements: where a run of the same model on the same cards is known, every step
 * is taken to last as many times longer than estimated as that run does. Elsewhere it is told how
 * far estimates are off.
 */
import { throughputSpread, UNMEASURED_SPREAD } from '../cost/efficiency.js'
import { type MeasuredCheck, measuredCheck } from '../cost/measured-check.js'
import { COST_OPTIONS } from '../cost/options.js'
import type { Shortage } from '../cost/placement.js'
import type { Candidate } from '../cost/quick.js'
import { isOffer, type Offer, offerOf } from './offer.js'
import type { Sureness } from './plan.js'

export type HeldOffer = { readonly offer: Offer; readonly sureness: Sureness }

/** @throws SputnikError PRICE_UNKNOWN */
export function heldOffer(candidate: Candidate): HeldOffer | Shortage {
  const estimated = offerOf(candidate)
  if (!isOffer(estimated)) return estimated
  const measured = runLike(estimated)
  if (measured === undefined) return { offer: estimated, sureness: spreadOf(candidate) }
  const options = { ...(candidate.options ?? COST_OPTIONS), slowdown: measured.ratio }
  const offer = offerOf({ ...candidate, options })
  return isOffer(offer) ? { offer, sureness: { measured } } : offer
}

export function isHeld(result: HeldOffer | Shortage): result is HeldOffer {
  return 'offer' in result
}

/** Only racks were measured. */
function runLike({ candidate, estimate, reference }: Offer): MeasuredCheck | undefined {
  const { fleet, model, workload } = candidate
  const [group] = fleet.head.cards
  if (fleet.layout === 'apart' || fleet.domains.length > 0 || group === undefined) return undefined
  const { promptTokens, outputTokens } = workload
  const usersPerCard = reference.batch / estimate.cards
  return measuredCheck({ model, card: group.card, promptTokens, outputTokens, usersPerCard })
}

function spreadOf({ fleet }: Candidate): Sureness {
  const hosts = [fleet.head, ...fleet.domains]
  const spreads = hosts.flatMap(({ cards }) =>
    cards.length === 0 ? [UNMEASURED_SPREAD] : cards.map(({ card }) => throughputSpread(card)),
  )
  return { throughputSpread: Math.max(...spreads) }
}
