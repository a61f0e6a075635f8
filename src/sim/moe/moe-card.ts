/** A card of the catalogue as a domain's that computes experts. */
import type { Card } from '../../plan/catalog/card.js'
import { EFFICIENCY } from '../../plan/cost/efficiency.js'
import type { ExpertCard } from './domain-compute.js'

export type MoeCard = ExpertCard & { readonly memoryBytes: number }

/** `flopsPerSecond`: what it reaches on experts. */
export function moeCard({ bandwidth, usableMemory }: Card, flopsPerSecond: number): MoeCard {
  return {
    bytesPerSecond: bandwidth.value * EFFICIENCY.memoryShare,
    flopsPerSecond,
    memoryBytes: usableMemory.value * (1 - EFFICIENCY.workspaceShare),
  }
}
