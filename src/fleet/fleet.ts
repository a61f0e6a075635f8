/**
 * The head's side of the fleet: which domains there are, what they hold, who computes a pair. Cards
 * of the head's own host hold what nobody else does, so a domain that is lost costs a reload there
 * and no request. Driven by `tick` between steps and by the dispatcher inside them.
 */
import { defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import type { Logger } from '../base/log.js'
import { pauseSync } from '../base/pause.js'
import type { DomainCapacity, RegionPages } from '../pages/capacity.js'
import { Directory } from '../pages/directory.js'
import { Migration } from '../pages/migration.js'
import { placePages } from '../pages/placement.js'
import type { ControlledNode, FleetControl } from './fleet-control.js'
import type { FleetDomain } from './fleet-domain.js'
import type { FleetChangeKind, FleetLog } from './fleet-log.js'
import { PageMoves } from './page-moves.js'
import { NO_EXPERT, type RouterChoice } from './partition.js'
import type { RemoteDomain } from './remote-domain.js'
import { emptyWork, ReplicaChooser, STANDING } from './replica-choice.js'

/** A card of this host, which can always be started again. */
export type OwnDomain = FleetDomain & { restart(): void }

export type FleetOptions = {
  readonly regions: readonly RegionPages[]
  readonly own: readonly OwnDomain[]
  /** Domain of each expert by region, among `own`. */
  readonly placement: readonly (readonly number[])[]
  readonly replicas: number
  readonly log: Logger
  /** For people who watch. */
  readonly news: FleetLog
  /** Monotonic milliseconds. */
  readonly now: () => number
}

/** Ids of domains that may be in the directory at the same time. */
const DOMAINS_MAX = 256
const BYTES_IN_FLIGHT = 64 << 20
const MOVES_PER_DOMAIN = 64
/** What a card is taken to read until it is measured; only the ratio between cards counts. */
const BYTES_PER_SECOND = 10e9
const RECOVER_MS = 60_000
const POLL_PAUSE_MS = 1

export class Fleet implements FleetControl {
  readonly #options: FleetOptions
  readonly domains: (FleetDomain | undefined)[]
  readonly directory: Directory
  readonly #moves: PageMoves
  readonly #work = emptyWork(DOMAINS_MAX)
  readonly #chooser = new ReplicaChooser(DOMAINS_MAX)
  readonly #remote = new Map<number, RemoteDomain>()
  /** Ids of domains whose pages are to move away; true once they have. */
  readonly #draining = new Map<number, boolean>()
  #records: readonly ExpertRecord[] = []
  #migration: Migration | undefined
  #toMove = 0

  constructor(options: FleetOptions) {
    const { own, regions, placement, replicas, log } = options
    this.#options = options
    this.domains = [...own]
    this.directory = new Directory(regions, replicas)
    this.directory.place(placement)
    this.#moves = new PageMoves({
      directory: this.directory,
      domains: this.domains,
      onFailed: ({ id }, reason, pages) =>
        log.warn(`domain ${id} cannot take ${pages} pages`, { reason }),
    })
    for (const { id } of own) this.#open(id)
  }

  get remote(): readonly RemoteDomain[] {
    return [...this.#remote.values()]
  }

  /** Pages on their way. */
  get moving(): number {
    return this.#moves.pages
  }

  /** Pages that do not lie yet where they should. */
  get toMove(): number {
    return this.#toMove
  }

  stateOf({ id, isReady }: RemoteDomain): string {
    if (this.#draining.has(id)) return 'draining'
    return isReady ? 'ready' : 'loading'
  }

  nodes(): ControlledNode[] {
    return [
      ...this.#options.own.map(({ id }) => ({ nodeId: null, name: `card ${id}`, id })),
      ...this.remote.map(({ id, nodeId, join }) => ({ nodeId, name: join.name, id })),
    ].map(({ id, ...node }) => ({ ...node, domain: id, isOut: this.#draining.has(id) }))
  }

  drain(nodeId: string): void {
    const domain = this.remote.find((one) => one.nodeId === nodeId)
    if (domain === undefined || this.#draining.has(domain.id)) return
    this.#draining.set(domain.id, false)
    this.#tell('draining', domain)
    this.#replace()
  }

  evict(nodeId: string): void {
    const domain = this.remote.find((one) => one.nodeId === nodeId)
    if (domain === undefined) return
    this.#tell('evicted', domain)
    this.remove(domain.id, 'it was evicted')
  }

  pardon(nodeId: string): boolean {
    const domain = this.remote.find((one) => one.nodeId === nodeId)
    if (domain === undefined || !this.#draining.delete(domain.id)) return false
    this.#tell('pardoned', domain)
    this.#replace()
    return true
  }

  #tell(kind: FleetChangeKind, { id, join }: RemoteDomain, text = ''): void {
    this.#options.news.note(kind, { domain: { id, name: join.name }, text })
  }

  learn(records: readonly ExpertRecord[]): void {
    this.#records = records
    for (const domain of this.#remote.values()) domain.learn(records)
  }

  /** The lowest free id. @throws SputnikError FLEET_FULL */
  freeId(): number {
    const free = this.domains.indexOf(undefined)
    const id = free < 0 ? this.domains.length : free
    if (id >= DOMAINS_MAX) throw new SputnikError('FLEET_FULL', `${DOMAINS_MAX} domains are there`)
    return id
  }

  /** A domain has joined; it gets pages once it knows what they compute. */
  add(domain: RemoteDomain): void {
    const before = this.remote.find(({ nodeId }) => nodeId === domain.nodeId)
    if (before !== undefined) this.#drop(before, 'it has joined again')
    this.domains[domain.id] = domain
    this.#remote.set(domain.id, domain)
    if (this.#records.length > 0) domain.learn(this.#records)
    this.#options.log.info(`domain ${domain.id} has joined`, { name: domain.join.name })
    this.#tell('joined', domain, domain.address)
  }

  /** The link of a domain has ended, or somebody wants it out. */
  remove(id: number, reason: string): void {
    const domain = this.#remote.get(id)
    if (domain === undefined) return
    this.#drop(domain, reason)
    this.#recover()
  }

  /** The domain of each pair. @throws SputnikError PAGES_LOST */
  readonly choose = (choice: RouterChoice, region: number): Uint16Array => {
    const holders = this.directory.holders(region)
    const { replicas } = this.directory
    const owners = this.#chooser.choose(choice, { holders, replicas, work: this.#work })
    if (this.#chooser.unplaced === 0 || this.#chooser.unplaced === gapsOf(choice)) return owners
    throw new SputnikError('PAGES_LOST', 'no domain that answers holds some of the experts')
  }

  /** Inside a step: afterwards others can be asked. */
  readonly lost = (id: number, attempt: number, reason: string): void => {
    const own = this.#options.own.find((domain) => domain.id === id)
    if (own === undefined) {
      this.remove(id, reason)
      return
    }
    this.#options.log.warn(`card ${id} is lost, loading its pages again`, { attempt, reason })
    own.restart()
  }

  /** Between steps. */
  tick(): void {
    for (const domain of this.#remote.values()) {
      domain.poll()
      if (domain.link === undefined) this.remove(domain.id, 'its link has ended')
      else if (domain.isReady && this.#work.standing[domain.id] !== STANDING.ready) {
        this.#open(domain.id)
        this.#tell('ready', domain)
        this.#replace()
      }
    }
    const isChanged = this.#moves.tick()
    const migration = this.#migration
    if (migration !== undefined) this.#moves.start(migration.next(this.directory))
    this.#toMove = migration?.pending ?? 0
    if (isChanged) this.#options.news.moved(this.directory.epoch, this.toMove)
    for (const domain of this.#remote.values()) this.#noteDrained(domain)
  }

  #noteDrained(domain: RemoteDomain): void {
    const isEmpty = this.directory.occupied(domain.id).every((pages) => pages === 0)
    if (this.#draining.get(domain.id) !== false || !isEmpty) return
    this.#draining.set(domain.id, true)
    this.#tell('drained', domain)
  }

  #open(id: number): void {
    this.#work.standing[id] = STANDING.ready
    this.#work.pairUs[id] = 1
    this.#work.copyUs[id] = 1
  }

  #drop(domain: RemoteDomain, reason: string): void {
    this.#options.log.warn(`domain ${domain.id} is lost`, { name: domain.join.name, reason })
    this.#tell('lost', domain, reason)
    this.#remote.delete(domain.id)
    this.#draining.delete(domain.id)
    this.domains[domain.id] = undefined
    this.#work.standing[domain.id] = STANDING.closed
    this.#moves.forget(domain)
    this.directory.removeDomain(domain.id)
    domain.close()
  }

  /** Where pages should lie now; moved a few at a time by `tick`. */
  #replace(): void {
    const { regions, replicas } = this.#options
    const capacities = this.#capacities()
    const wanted = placePages({
      regions,
      domains: capacities,
      replicas: Math.min(replicas, capacities.length),
    })
    this.#migration = new Migration({
      wanted,
      regions,
      limits: { bytesInFlight: BYTES_IN_FLIGHT, movesPerDomain: MOVES_PER_DOMAIN },
      capacityBytes: new Map(
        capacities.map(({ id, cards }) => [id, cards.reduce((sum, c) => sum + c.memoryBytes, 0)]),
      ),
    })
  }

  #capacities(): DomainCapacity[] {
    const { regions, own } = this.#options
    const all = regions.reduce((sum, { experts, pageBytes }) => sum + experts * pageBytes, 0)
    const speed = { flopsPerSecond: 1e12, bytesPerSecond: BYTES_PER_SECOND }
    const ready = this.remote.filter(({ id, isReady }) => isReady && !this.#draining.has(id))
    return [
      ...own.map(({ id }) => ({ id, cards: [{ memoryBytes: all, speed }] })),
      ...ready.map(({ id, join }) => ({
        id,
        cards: join.cards.map(({ memoryBytes }) => ({ memoryBytes, speed })),
      })),
    ]
  }

  /** Cards of this host take what nobody holds any more; waits for them. @throws PAGES_LOST */
  #recover(): void {
    this.#replace()
    const orphans = this.directory.orphans()
    if (orphans.length === 0) return
    const { own, now, log, news } = this.#options
    log.info('loading pages that were lost', { pages: orphans.length })
    news.note('pages-lost', { text: `${orphans.length} pages` })
    this.#moves.start(
      orphans.map((page, index) => ({
        ...page,
        to: defined(own[index % own.length], 'a card of this host').id,
      })),
    )
    const deadline = now() + RECOVER_MS
    while (this.directory.orphans().length > 0) {
      this.#moves.tick()
      if (now() < deadline) pauseSync(POLL_PAUSE_MS)
      else throw new SputnikError('PAGES_LOST', 'the pages of a lost domain cannot be loaded')
    }
    news.note('pages-recovered', { text: `${orphans.length} pages` })
  }
}

/** Pairs of a choice that are none. */
function gapsOf({ experts, tokens, nUsed }: RouterChoice): number {
  let gaps = 0
  for (let pair = 0; pair < tokens * nUsed; pair++) if (experts[pair] === NO_EXPERT) gaps++
  return gaps
}
