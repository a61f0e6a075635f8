/** Where trunk, KV cache and pages lie, host by host. */
import type { Machine } from '../cost/machine.js'
import type { Site, TierBytes } from '../cost/placement.js'
import type { Host } from '../fleet/fleet.js'
import type { Offer } from './offer.js'
import type { HostPlacement, PlanPlacement } from './plan.js'

const NOTHING: TierBytes = { device: 0, ram: 0, disk: 0 }

export function makePlacement(offer: Offer): PlanPlacement {
  const { plan, estimate, candidate } = offer
  const { placement, pages, pageBytes, sequenceBytes, maxBatch, copiesPerToken } = estimate
  return {
    pages,
    pageBytes,
    replicas: candidate.fleet.replicas,
    copiesPerToken,
    sequenceBytes,
    cacheRoomBytes: placement.cacheRoomBytes,
    maxBatch,
    hosts: plan.layout === 'apart' ? apartHosts(plan) : wholeHosts(plan),
    // Sizes of models are exact; which part of a card's memory programs can have is its maker's.
    confidence: 'datasheet',
  }
}

type Layout<Kind> = Extract<Offer['plan'], { readonly layout: Kind }>

/** The head first, with what pages it holds; domains that hold none are left out. */
function apartHosts({ head, placement }: Layout<'apart'>): HostPlacement[] {
  const local = placement.sites.find(({ isLocal }) => isLocal)
  const domains = placement.sites.filter(({ isLocal }) => !isLocal)
  return [
    {
      ...aboutHost(head, { count: 1, isHead: true }),
      trunk: placement.trunk,
      pages: local?.pages ?? NOTHING,
      share: local?.share ?? 0,
    },
    ...domains.map((site) => ({ ...aboutSite(site), trunk: NOTHING })),
  ]
}

/** Every card has the trunk. */
function wholeHosts({ placement }: Layout<'whole'>): HostPlacement[] {
  const { device, ram, disk } = placement.trunk
  return placement.sites.map((site) => {
    const times = site.machine.deviceCount
    return {
      ...aboutSite(site),
      trunk: { device: device * times, ram: ram * times, disk: disk * times },
    }
  })
}

function aboutSite({ machine, count, pages, share }: Site) {
  return { ...aboutHost(machine, { count, isHead: false }), pages, share }
}

function aboutHost(
  { host, deviceBytes }: Machine,
  { count, isHead }: { readonly count: number; readonly isHead: boolean },
) {
  return { name: host.name, count, cards: cardsText(host), isHead, deviceBytes }
}

/** `2 x RTX 3090 + 1 x RTX 5090`. */
export function cardsText({ cards }: Host): string {
  if (cards.length === 0) return 'no card'
  return cards.map(({ card, count }) => `${count} x ${card.name}`).join(' + ')
}
