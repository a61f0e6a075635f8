/**
 * The fleet as the engine process tells the server of it, and what the server may ask of it: plain
 * data. Knows nothing of how a fleet works.
 */
import type { FleetAction } from '../fleet/fleet-control.js'
import type { FleetChange } from '../fleet/fleet-log.js'

export type { FleetAction, FleetChange }

/** One card of a domain. */
export type CardView = {
  readonly device: string
  readonly pages: number
  readonly pageBytes: number
  /** For pages, used or not. */
  readonly memoryBytes: number
}

/** A domain as the head sees it; the cards of the head's own host are domains too. */
export type DomainView = {
  /** Number in the directory. */
  readonly id: number
  /** Null for cards of the head's own host. */
  readonly nodeId: string | null
  readonly name: string
  /** `joining`, `loading`, `ready`, `suspect`, `lost`, `draining` or `evicted`. */
  readonly state: string
  readonly devices: readonly string[]
  readonly cards: readonly CardView[]
  readonly pages: number
  readonly pageBytes: number
  /** Bytes of its pages by where they lie. */
  readonly tierBytes: TierBytes
  readonly expertCalls: number
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Smallest of late; null where it is not measured. */
  readonly roundTripMs: number | null
  /** From dispatch to combine, of late; null before the first reply. */
  readonly replyMs: { readonly p50: number; readonly p99: number } | null
  /** Dispatches that others were asked for too because it was late. */
  readonly hedges: number
  /** Replies that came when nobody needed them any more. */
  readonly late: number
  /** Pages whose bytes did not have their hash. */
  readonly badPages: number
  /** Bytes of pages it was sent or fetched; absent where that is not known. */
  readonly fetchedBytes?: number
  /** How often it was lost. */
  readonly losses: number
  /** Time until a node that flaps may join again; null when it may. */
  readonly keptOutMs: number | null
  /** Of its end of the link; null for cards of the head's own host. */
  readonly address: string | null
}

export type TierBytes = { readonly device: number; readonly host: number; readonly disk: number }

/** The fleet of a head that listens for domains. */
export type FleetView = {
  readonly headId: string
  /** Where domains join; null when the head does not listen. */
  readonly address: string | null
  readonly modelHash: string
  readonly epoch: number
  readonly domains: readonly DomainView[]
  /** Holders that each page should have. */
  readonly replicas: number
  /** Of the model, each counted once. */
  readonly pages: number
  readonly pageBytes: number
  /** Pages on their way, and pages nobody holds. */
  readonly moving: number
  readonly orphans: number
  /** Pages that do not lie yet where the placement wants them. */
  readonly toMove: number
  /** Pages with fewer holders than `replicas`. */
  readonly short: number
  /** What happened last, oldest first. */
  readonly events: readonly FleetChange[]
}

/** Who holds each expert and how often it was called. */
export type ExpertsView = {
  readonly epoch: number
  readonly domains: readonly { readonly id: number; readonly name: string }[]
  readonly layers: readonly ExpertLayerView[]
}

export type ExpertLayerView = {
  readonly layer: number
  /** `ch` for the second set of experts that some architectures have. */
  readonly group: '' | 'ch'
  /** Pairs of token and expert so far, by expert. */
  readonly calls: readonly number[]
  /** Ids of domains that have it in the memory of a card, by expert. */
  readonly holders: readonly (readonly number[])[]
  /** By expert a letter for each holder, in the same order: d device memory, h host memory. */
  readonly tiers: readonly string[]
}

/** What the server may ask of a fleet. */
export type FleetCommand =
  /** `node`: id of a node, its name if no other has it, or its number in the directory. */
  | {
      readonly kind: 'fleet-change'
      readonly id: number
      readonly action: FleetAction
      readonly node: string
    }
  | { readonly kind: 'experts'; readonly id: number }

/** The answers; an `error` event may come in their place. */
export type FleetReply =
  | { readonly kind: 'done'; readonly id: number }
  | { readonly kind: 'experts'; readonly id: number; readonly experts: ExpertsView }
