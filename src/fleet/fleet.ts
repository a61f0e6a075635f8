/**
 * The head's side of the fleet: which domains there are, what they hold, who computes a pair, and
 * what changes when a domain joins, is lost, is slow or is told to go. A state machine: links,
 * clock and processes belong to whoever drives it with `tick`, between steps and inside them.
 */
import { defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import type { Logger } from '../base/log.js'
import { sum } from '../base/statistics.js'
import type { TrafficRequest } from '../pages/better-placement.js'
import type { DomainCapacity, RegionPages } from '../pages/capacity.js'
import { Directory } from '../pages/directory.js'
import type { Page } from '../pages/holder-table.js'
import type { ControlledNode, FleetControl } from './fleet-control.js'
import type { FleetDomain, JoinedDomain, OwnDomain } from './fleet-domain.js'
import type { FleetChangeAbout, FleetChangeKind, FleetLog } from './fleet-log.js'
import type { MemberInfo } from './member.js'
import { type MemberEvent, Membership, type Session } from './membership.js'
import { MEMBERSHIP_DEFAULTS, type MembershipSettings } from './membership-settings.js'
import { NodeNames } from './node-names.js'
import { Orphans } from './orphans.js'
import type { RouterChoice } from './partition.js'
import { Relocation } from './relocation.js'
import { ReplicaChooser, STANDING } from './replica-choice.js'
import { Usage } from './usage.js'
import { EVICTED, LOST, refusal } from './why.js'
import { WorkEstimates } from './work-estimates.js'

export type FleetOptions = {
  readonly regions: readonly RegionPages[]
  readonly own: readonly OwnDomain[]
  /** Memory for pages of each own card. */
  readonly ownBytes: number
  /** Own cards hold only what no domain that joined has room for. */
  readonly isSpare: boolean
  /** Domain of each expert by region, among `own`; -1: nobody. */
  readonly placement: readonly (readonly number[])[]
  readonly replicas: number
  readonly log: Logger
  /** What happens, for people. */
  readonly news: FleetLog
  readonly settings?: Partial<MembershipSettings>
}

/** Ids of domains that may be in the directory at the same time. */
export const DOMAINS_MAX = 256
type Joined = {
  readonly domain: JoinedDomain
  readonly session: Session
  /** As last looked at. */
  heartbeats: number
  cardsVersion: number
}

export class Fleet implements FleetControl {
  readonly #options: FleetOptions
  readonly #settings: MembershipSettings
  /** By id. */
  readonly domains: (FleetDomain | undefined)[]
  readonly directory: Directory
  readonly usage: Usage
  readonly estimates = new WorkEstimates(DOMAINS_MAX)
  readonly #relocation: Relocation
  readonly #chooser = new ReplicaChooser(DOMAINS_MAX)
  readonly #membership: Membership
  readonly #joined = new Map<number, Joined>()
  readonly #names: NodeNames
  #records: readonly ExpertRecord[] = []
  #tickedMs: number
  #nowMs: number
  readonly #orphans: Orphans

  constructor(options: FleetOptions, now: number) {
    const { own, regions, placement, replicas, settings } = options
    this.#options = options
    this.#settings = { ...MEMBERSHIP_DEFAULTS, ...settings }
    this.#membership = new Membership(now, this.#settings)
    this.#names = new NodeNames(2 * this.#settings.nodesMax)
    this.#tickedMs = now
    this.#nowMs = now
    this.domains = [...own]
    this.directory = new Directory(regions, replicas)
    this.directory.place(placement)
    this.usage = new Usage(regions)
    this.#orphans = new Orphans(this.directory, { news: options.news, now })
    this.#relocation = new Relocation({
      ...options,
      directory: this.directory,
      domains: this.domains,
      own: own.map(({ id }) => id),
      members: () => this.#capacities(),
      popularity: this.usage.popularity,
      onFailed: ({ id }, reason, pages) =>
        options.log.warn(`domain ${id} cannot take ${pages} pages`, { reason }),
      onGone: (domain, pages) => this.#pagesGone(domain, pages),
      onMoved: (stuck) => this.#moved(stuck),
    })
    for (const { id } of own) this.estimates.begin(id)
    this.#writeStanding()
  }

  get joined(): readonly JoinedDomain[] {
    return [...this.#joined.values()].map(({ domain }) => domain)
  }

  get members(): readonly MemberInfo[] {
    return this.#membership.list()
  }

  /** Domain id of a member. */
  idOf({ index }: { readonly index: number }): number {
    return this.#options.own.length + index
  }

  /** Pages on their way. */
  get moving(): number {
    return this.#relocation.moving
  }

  /** Pages that do not lie where the placement wants them. */
  get toMove(): number {
    return this.#relocation.toMove
  }

  /** Pages nobody holds. */
  get orphans(): number {
    return this.#orphans.count
  }

  /** Since when there are any. */
  get orphansSinceMs(): number | undefined {
    return this.#orphans.sinceMs
  }

  learn(records: readonly ExpertRecord[]): void {
    this.#records = records
    for (const { domain } of this.#joined.values()) domain.learn(records)
  }

  /**
   * A node that was let in has joined; an earlier session of it ends. One that was evicted got in
   * with a newer key, or was pardoned.
   * @returns its domain id
   * @throws SputnikError NODE_KEPT_OUT, FLEET_FULL
   */
  admit(nodeId: string, now: number): number {
    this.#nowMs = now
    if (this.#membership.member(nodeId)?.state === 'evicted') this.#membership.pardon(nodeId, now)
    const answer = this.#membership.join(nodeId, now)
    this.#settle()
    if (!answer.isAccepted) throw refusal(answer)
    const id = this.idOf(answer)
    if (id < DOMAINS_MAX) return id
    this.#membership.connectionEnded({ nodeId, generation: answer.generation }, now)
    throw new SputnikError('FLEET_FULL', `${DOMAINS_MAX} domains are there`)
  }

  /** The domain behind an id that `admit` gave; it gets pages once it knows what they compute. */
  add(domain: JoinedDomain, now: number): void {
    this.#nowMs = now
    const { nodeId, id } = domain
    const generation = defined(this.#membership.member(nodeId), 'a member').generation
    const session = { nodeId, generation }
    this.#membership.loading(session, now)
    this.#joined.set(id, { domain, session, heartbeats: 0, cardsVersion: 0 })
    this.#names.remember(domain, () => new Set(this.members.map((member) => member.nodeId)))
    while (this.domains.length <= id) this.domains.push(undefined)
    this.domains[id] = domain
    this.estimates.begin(id)
    if (this.#records.length > 0) domain.learn(this.#records)
    this.#tell(generation > 1 ? 'back' : 'joined', domain)
  }

  /** The link of a domain has ended, or it broke the rules. */
  ended(id: number, reason: string, now: number): void {
    this.#nowMs = now
    const joined = this.#joined.get(id)
    if (joined === undefined) return
    this.#options.log.warn(`domain ${id} is lost`, { name: joined.domain.name, reason })
    this.#membership.connectionEnded(joined.session, now)
    this.#drop(id, reason)
    this.#settle()
  }

  /** A card of this host does not answer. @throws SputnikError why it cannot be started again */
  restartOwn(id: number, reason: string): boolean {
    const own = this.#options.own.find((domain) => domain.id === id)
    if (own === undefined) return false
    this.#options.log.warn(`card ${id} is lost, loading its pages again`, { reason })
    own.restart()
    return true
  }

  /** The domain of each pair, NO_DOMAIN where nobody can be asked; valid until the next call. */
  readonly choose = (choice: RouterChoice, region: number, except?: number): Uint16Array => {
    const { standing } = this.estimates.work
    const before = except === undefined ? STANDING.closed : (standing[except] ?? STANDING.closed)
    if (except !== undefined) standing[except] = STANDING.closed
    const holders = this.directory.holders(region)
    const { replicas } = this.directory
    const table = { holders, replicas, work: this.estimates.work }
    const owners = this.#chooser.choose(choice, table)
    if (except !== undefined) standing[except] = before
    return owners
  }

  /** Whether a domain has said that some of these pages, which it was asked for, are gone. */
  isExcused(id: number, pages: readonly Page[]): boolean {
    const domain = this.domains[id]
    return domain !== undefined && this.#relocation.isExcused(domain, pages)
  }

  /** What a better placement would have to go by; undefined while pages move. */
  traffic(): TrafficRequest | undefined {
    return this.#relocation.traffic(this.usage.samples)
  }

  /** Moves pages to where a placement of the same domains wants them. */
  relocate(holders: readonly (readonly number[])[]): void {
    this.#relocation.relocate(holders)
  }

  /** A combine of a domain is late, or one came. */
  late(id: number, isLate: boolean): void {
    const joined = this.#joined.get(id)
    if (joined === undefined) return
    this.#membership.late(joined.session, isLate)
    this.#settle()
  }

  tick(now: number): void {
    this.#nowMs = now
    this.#hear(now)
    if (now - this.#tickedMs >= this.#settings.tickMs) {
      this.#tickedMs = now
      this.#membership.tick(now)
      this.estimates.relax()
    }
    this.#settle()
    if (!this.#relocation.tick(now)) return
    this.#orphans.note(now)
    if (this.toMove > 0) this.#options.news.moved(this.directory.epoch, this.toMove)
  }

  /** Cards of this host, and all nodes that are remembered. */
  nodes(): ControlledNode[] {
    const own = this.#options.own.map(({ id }) => {
      return { nodeId: null, name: `card ${id}`, domain: id, isOut: false }
    })
    const members = this.members.map((member) => {
      const { nodeId, state, keptOutUntilMs } = member
      const isOut = state === 'draining' || state === 'evicted' || keptOutUntilMs > this.#nowMs
      const id = this.idOf(member)
      const domain = this.#joined.has(id) ? id : null
      return { nodeId, name: this.#names.of(nodeId) ?? '', domain, isOut }
    })
    return [...own, ...members]
  }

  /** Its pages move away; it works until they have. */
  drain(nodeId: string): void {
    const domain = this.#domainOf(nodeId)
    if (domain === undefined || !this.#membership.drain(nodeId)) return
    this.#relocation.ask()
    this.#tell('draining', domain, `${domain.pages} pages are to move`)
  }

  /** Throws a node out at once, for as long as it is remembered. */
  evict(nodeId: string): void {
    const domain = this.#domainOf(nodeId)
    this.#membership.evict(nodeId, this.#nowMs)
    if (domain === undefined) return
    this.#tell('evicted', domain)
    this.#drop(domain.id, 'it was evicted', new SputnikError('NODE_EVICTED', EVICTED))
    this.#settle()
  }

  /** A node that drains stays, one that was thrown or kept out may come. */
  pardon(nodeId: string): boolean {
    if (!this.#membership.pardon(nodeId, this.#nowMs)) return false
    this.#relocation.ask()
    const domain = this.#domainOf(nodeId)
    const name = this.#names.of(nodeId) ?? ''
    this.#note('pardoned', { domain: { id: domain?.id ?? null, name } })
    return true
  }

  #domainOf(nodeId: string): JoinedDomain | undefined {
    return this.joined.find((domain) => domain.nodeId === nodeId)
  }

  /** Signs of life, links that ended, domains that got ready. */
  #hear(now: number): void {
    for (const [id, joined] of this.#joined) {
      const { domain, session } = joined
      if (domain.link === undefined) {
        this.ended(id, 'its link has ended', now)
        continue
      }
      if (domain.heartbeats !== joined.heartbeats) {
        joined.heartbeats = domain.heartbeats
        this.#membership.heartbeat(session, { sequence: domain.heartbeats, now })
      }
      if (domain.cardsVersion !== joined.cardsVersion) {
        joined.cardsVersion = domain.cardsVersion
        this.#relocation.ask()
      }
      if (domain.isReady && this.#membership.ready(session, now)) this.#relocation.ask()
      if (domain.isLeaving && this.#membership.leave(session)) {
        this.#relocation.ask()
        this.#tell('leaving', domain, `${domain.pages} pages are to move`)
      }
    }
  }

  /** Deals with what membership has to say. */
  #settle(): void {
    const events = this.#membership.takeEvents()
    if (events.length === 0) return
    for (const event of events) this.#handle(event)
    this.#writeStanding()
  }

  #handle(event: MemberEvent): void {
    const id = this.idOf(event)
    const domain = { id, name: this.#names.of(event.nodeId) ?? event.nodeId }
    if (event.kind === 'lost') this.#drop(id, LOST[event.reason])
    else if (event.kind === 'keptOut') {
      const seconds = Math.ceil((event.untilMs - this.#nowMs) / 1000)
      this.#note('kept-out', { domain, text: `for ${seconds} s: it comes and goes` })
    } else this.#note(event.kind, { domain })
  }

  #drop(id: number, reason: string, told?: SputnikError): void {
    const joined = this.#joined.get(id)
    if (joined === undefined) return
    const { domain } = joined
    this.#joined.delete(id)
    this.domains[id] = undefined
    this.#relocation.forget(domain)
    this.directory.removeDomain(id)
    this.#orphans.note(this.#nowMs)
    this.#tell(domain.isLeaving ? 'left' : 'lost', domain, reason)
    domain.close(told)
    this.#writeStanding()
  }

  #writeStanding(): void {
    const { own } = this.#options
    const { standing } = this.estimates.work
    this.#membership.writeStanding(standing.subarray(own.length))
    for (const { id } of own) standing[id] = STANDING.ready
  }

  /** Of the domains that are to hold pages. */
  #capacities(): DomainCapacity[] {
    return this.members
      .filter(({ state }) => state === 'ready' || state === 'suspect')
      .flatMap((member) => {
        const id = this.idOf(member)
        const domain = this.#joined.get(id)?.domain
        return domain === undefined ? [] : [{ id, cards: domain.cards }]
      })
  }

  #moved(stuck: number): void {
    const text = stuck === 0 ? undefined : `${stuck} pages found no room`
    if (text !== undefined) this.#note('moved', { text })
    else this.#options.news.moved(this.directory.epoch, 0)
    for (const { domain, session } of [...this.#joined.values()]) {
      const held = sum(this.directory.occupied(domain.id))
      if (domain.isLeaving) this.#letGo({ domain, session }, held)
      else if (held === 0) this.#membership.drained(session)
    }
    this.#settle()
  }

  /** A domain waits to end until no more of its pages can move. */
  #letGo({ domain, session }: Pick<Joined, 'domain' | 'session'>, held: number): void {
    const reason = held === 0 ? 'its pages lie elsewhere' : `${held} of its pages found no room`
    this.#options.log.info(`domain ${domain.id} leaves`, { name: domain.name, reason })
    this.#membership.connectionEnded(session, this.#nowMs)
    this.#drop(domain.id, reason)
  }

  #pagesGone({ id }: FleetDomain, pages: number): void {
    const domain = this.#joined.get(id)?.domain
    if (domain !== undefined) this.#tell('pages-gone', domain, `${pages} pages`)
    this.#orphans.note(this.#nowMs)
  }

  #tell(kind: FleetChangeKind, { id, name }: JoinedDomain, text = ''): void {
    this.#note(kind, { domain: { id, name }, text })
  }

  #note(kind: FleetChangeKind, about: FleetChangeAbout): void {
    this.#options.news.note(kind, about)
  }
}
