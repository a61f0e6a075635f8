/**
 * The head's side of the fleet: which domains there are, what they hold, who computes a pair, and
 * what changes when a domain joins, is lost, is slow or is told to go. A state machine: links, clock
 * and processes belong to whoever drives it with `tick`, between steps and inside them.
 */
import { defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import type { Logger } from '../base/log.js'
import type { TrafficRequest } from '../pages/better-placement.js'
import type { DomainCapacity, RegionPages } from '../pages/capacity.js'
import { Directory } from '../pages/directory.js'
import type { FleetDomain, JoinedDomain, OwnDomain } from './fleet-domain.js'
import { type FleetEventKind, FleetLog } from './fleet-log.js'
import type { MemberInfo } from './member.js'
import { type MemberEvent, Membership, type Session } from './membership.js'
import { MEMBERSHIP_DEFAULTS, type MembershipSettings } from './membership-settings.js'
import type { RouterChoice } from './partition.js'
import { Relocation } from './relocation.js'
import { ReplicaChooser, STANDING } from './replica-choice.js'
import { Usage } from './usage.js'
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
  readonly settings?: Partial<MembershipSettings>
}

/** Ids of domains that may be in the directory at the same time. */
export const DOMAINS_MAX = 256
type Joined = { readonly domain: JoinedDomain; readonly session: Session; heartbeats: number }

export class Fleet {
  readonly #options: FleetOptions
  readonly #settings: MembershipSettings
  /** By id. */
  readonly domains: (FleetDomain | undefined)[]
  readonly directory: Directory
  readonly usage: Usage
  readonly estimates = new WorkEstimates(DOMAINS_MAX)
  readonly log = new FleetLog()
  readonly #relocation: Relocation
  readonly #chooser = new ReplicaChooser(DOMAINS_MAX)
  readonly #membership: Membership
  readonly #joined = new Map<number, Joined>()
  #records: readonly ExpertRecord[] = []
  #tickedMs: number
  #nowMs: number
  #orphans = 0
  #orphansSinceMs: number

  constructor(options: FleetOptions, now: number) {
    const { own, regions, placement, replicas, settings } = options
    this.#options = options
    this.#settings = { ...MEMBERSHIP_DEFAULTS, ...settings }
    this.#membership = new Membership(now, this.#settings)
    this.#tickedMs = now
    this.#nowMs = now
    this.domains = [...own]
    this.directory = new Directory(regions, replicas)
    this.directory.place(placement)
    this.usage = new Usage(regions)
    this.#orphans = this.directory.orphans().length
    this.#orphansSinceMs = now
    this.#relocation = new Relocation({
      ...options,
      directory: this.directory,
      domains: this.domains,
      own: own.map(({ id }) => id),
      members: () => this.#capacities(),
      popularity: this.usage.popularity,
      onFailed: ({ id }, reason, pages) =>
        options.log.warn(`domain ${id} cannot take ${pages} pages`, { reason }),
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
    return this.#orphans
  }

  /** Since when there are any. */
  get orphansSinceMs(): number | undefined {
    return this.#orphans === 0 ? undefined : this.#orphansSinceMs
  }

  learn(records: readonly ExpertRecord[]): void {
    this.#records = records
    for (const { domain } of this.#joined.values()) domain.learn(records)
  }

  /**
   * A node that proved its identity has joined; an earlier session of it ends.
   * @returns its domain id
   * @throws SputnikError NODE_EVICTED, NODE_KEPT_OUT, FLEET_FULL
   */
  admit(nodeId: string, now: number): number {
    this.#nowMs = now
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
    this.#joined.set(id, { domain, session, heartbeats: 0 })
    while (this.domains.length <= id) this.domains.push(undefined)
    this.domains[id] = domain
    this.estimates.begin(id)
    if (this.#records.length > 0) domain.learn(this.#records)
    this.#tell('joined', domain, domain.cards.length === 1 ? '' : `${domain.cards.length} cards`)
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
    }
    this.#settle()
    if (this.#relocation.tick(now)) this.#noteOrphans()
  }

  /** Its pages move away; it works until they have. @throws SputnikError NODE_UNKNOWN and such */
  drain(node: string): void {
    const { domain } = this.#find(node)
    this.#membership.drain(domain.nodeId)
    this.#relocation.ask()
    this.#tell('draining', domain, `${domain.pages} pages move away`)
  }

  /** Throws a node out at once, for as long as it is remembered. Returns its node id. */
  evict(node: string, now: number): string {
    this.#nowMs = now
    const { domain } = this.#find(node)
    const { nodeId, id } = domain
    this.#tell('evicted', domain, '')
    this.#membership.evict(nodeId, now)
    this.#drop(id, 'evicted', new SputnikError('NODE_EVICTED', 'this node was evicted'))
    this.#settle()
    return nodeId
  }

  /** An evicted node may join again. False when it was not evicted. */
  pardon(nodeId: string, now: number): boolean {
    return this.#membership.pardon(nodeId, now)
  }

  /** A domain by node id, by name, or by its number. */
  #find(node: string): Joined {
    const all = [...this.#joined.values()]
    const exact = all.find(({ domain }) => domain.nodeId === node || String(domain.id) === node)
    if (exact !== undefined) return exact
    const named = all.filter(({ domain }) => domain.name === node)
    const [found] = named
    if (found === undefined) throw new SputnikError('NODE_UNKNOWN', `no domain is called ${node}`)
    if (named.length === 1) return found
    const ids = named.map(({ domain }) => domain.nodeId).join(', ')
    throw new SputnikError('NODE_AMBIGUOUS', `${named.length} domains are called ${node}: ${ids}`)
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
      if (domain.isReady && this.#membership.ready(session, now)) this.#relocation.ask()
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
    const domain = this.#joined.get(id)?.domain
    if (event.kind === 'lost') this.#drop(id, LOST[event.reason])
    else if (event.kind === 'keptOut') {
      const seconds = Math.ceil((event.untilMs - this.#nowMs) / 1000)
      this.#log('kept out', id, { name: event.nodeId, text: `for ${seconds} s, it comes and goes` })
    } else if (domain !== undefined && event.kind !== 'back') this.#tell(event.kind, domain, '')
  }

  #drop(id: number, reason: string, told?: SputnikError): void {
    const joined = this.#joined.get(id)
    if (joined === undefined) return
    const { domain } = joined
    this.#joined.delete(id)
    this.domains[id] = undefined
    this.#relocation.forget(domain)
    this.directory.removeDomain(id)
    this.#noteOrphans()
    this.#tell('lost', domain, reason)
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
    const text = stuck === 0 ? '' : `, ${stuck} pages found no room`
    this.#log('moved', null, { name: '', text: `epoch ${this.directory.epoch}${text}` })
    for (const { domain, session } of this.#joined.values()) {
      if (this.directory.occupied(domain.id).every((pages) => pages === 0)) {
        this.#membership.drained(session)
      }
    }
    this.#settle()
  }

  #noteOrphans(): void {
    const before = this.#orphans
    this.#orphans = this.directory.orphans().length
    if (before === 0) this.#orphansSinceMs = this.#nowMs
    const text = `${this.#orphans === 0 ? before : this.#orphans} pages`
    if (before === 0 && this.#orphans > 0) this.#log('pages lost', null, { name: '', text })
    if (before > 0 && this.#orphans === 0) this.#log('pages recovered', null, { name: '', text })
  }

  #tell(kind: FleetEventKind, { id, name }: JoinedDomain, text: string): void {
    this.#log(kind, id, { name, text })
  }

  #log(
    kind: FleetEventKind,
    domain: number | null,
    { name, text }: { name: string; text: string },
  ): void {
    this.log.add({ atMs: this.#nowMs, kind, domain, name, text })
  }
}

const LOST = {
  lease: 'nothing was heard of it',
  connection: 'its link has ended',
  replaced: 'it has joined again',
  evicted: 'it was evicted',
} as const

function refusal({
  reason,
  retryMs,
}: {
  reason: 'evicted' | 'flapping' | 'full'
  retryMs: number
}): SputnikError {
  if (reason === 'evicted') return new SputnikError('NODE_EVICTED', 'this node was evicted')
  if (reason === 'full') return new SputnikError('FLEET_FULL', 'too many nodes are known')
  const seconds = Math.ceil(retryMs / 1000)
  const text = `this node was lost too often, it may join in ${seconds} s`
  return new SputnikError('NODE_KEPT_OUT', text, { seconds })
}
