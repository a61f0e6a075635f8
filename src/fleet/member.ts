/** One node as the head sees it: how far it got, if it is suspected, when it was heard last. */
import { Flapping } from './flapping.js'
import type { MembershipSettings } from './membership-settings.js'
import { STANDING } from './replica-choice.js'

export type MemberState =
  | 'joining'
  | 'loading'
  | 'ready'
  | 'suspect'
  | 'draining'
  | 'lost'
  | 'evicted'

export type MemberInfo = {
  readonly nodeId: string
  /** Its domain id. */
  readonly index: number
  readonly generation: number
  readonly state: MemberState
  /** Also while draining. */
  readonly isSuspect: boolean
  readonly heardMs: number
  /** In the past when it may join. */
  readonly keptOutUntilMs: number
  /** How often it was lost. */
  readonly losses: number
}

type Phase = 'joining' | 'loading' | 'ready' | 'lost' | 'evicted'

export type MemberOptions = {
  readonly nodeId: string
  readonly index: number
  readonly settings: MembershipSettings
}

export class Member {
  readonly nodeId: string
  readonly index: number
  readonly flapping: Flapping
  /** Counts its joins; messages of earlier ones mean nothing. */
  generation = 0
  phase: Phase = 'lost'
  isDraining = false
  isDrained = false
  isLeaving = false
  /** Why it is suspected; either may be. */
  hasMissed = false
  isLate = false
  /** Since when, as far as `tick` has seen. */
  lateSinceMs: number | undefined
  heardMs = 0
  /** Of the last heartbeat. */
  sequence = -1
  /** When it got into its phase. */
  sinceMs = 0
  losses = 0

  constructor({ nodeId, index, settings }: MemberOptions) {
    this.nodeId = nodeId
    this.index = index
    this.flapping = new Flapping(settings)
  }

  get isAlive(): boolean {
    return this.phase !== 'lost' && this.phase !== 'evicted'
  }

  get isSuspect(): boolean {
    return this.phase === 'ready' && (this.hasMissed || this.isLate)
  }

  get state(): MemberState {
    if (this.isAlive && this.isDraining) return 'draining'
    return this.isSuspect ? 'suspect' : this.phase
  }

  get standing(): number {
    if (this.phase !== 'ready') return STANDING.closed
    return this.isSuspect ? STANDING.lastResort : STANDING.ready
  }

  begin(now: number): void {
    this.generation++
    this.isDraining = false
    this.isDrained = false
    this.isLeaving = false
    this.hasMissed = false
    this.isLate = false
    this.heardMs = now
    this.sequence = -1
    this.enter('joining', now)
  }

  enter(phase: Phase, now: number): void {
    this.phase = phase
    this.sinceMs = now
  }

  info(): MemberInfo {
    const { nodeId, index, generation, state, isSuspect, heardMs, losses, flapping } = this
    const keptOutUntilMs = flapping.outUntilMs
    return { nodeId, index, generation, state, isSuspect, heardMs, losses, keptOutUntilMs }
  }
}
