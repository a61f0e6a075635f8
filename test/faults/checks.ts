/** What must be so: always, when nothing is under way, and when all faults are over. */
import type { Credits } from '../../src/fabric/credits.js'
import type { FleetDomain } from '../../src/fleet/fleet-domain.js'
import { RemoteDomain } from '../../src/fleet/remote-domain.js'
import { totalBytes } from '../../src/pages/capacity.js'
import type { DomainNode } from './domain-node.js'
import type { HeadNode } from './head-node.js'
import type { IntegerCard } from './integer-card.js'
import { type Scenario, tierOf } from './scenario.js'
import { must } from './violation.js'

/** What is looked at. */
export type Subject = {
  readonly scenario: Scenario
  readonly nodes: readonly DomainNode[]
  readonly head: HeadNode | undefined
}

const UNDER_WAY_MAX = 1 << 20
/** Of a receiver that has measured nothing yet. */
const WINDOW_LEAST = 10 * 1448
/** The largest that was seen: what was granted may outlive it. */
const windows = new WeakMap<Credits, number>()

/** The books of a process. */
export function checkCredit(credits: Credits): void {
  const { granted, arrived, outstanding, writtenOff, returned, excess, window } = credits.balance
  const sum = arrived + outstanding + writtenOff + returned
  must(granted === sum, 'credit is conserved', () => `${granted} bytes granted, ${sum} accounted`)
  must(excess === 0, 'credit is conserved', () => `${excess} bytes came without credit`)
  must(outstanding >= 0 && writtenOff >= 0, 'credit is conserved', () => `${outstanding} bytes`)
  const seen = Math.max(window, windows.get(credits) ?? WINDOW_LEAST)
  windows.set(credits, seen)
  must(outstanding <= 2 * seen, 'credit fits the window', () => `${outstanding} of ${seen} bytes`)
}

/** Whether everybody is there and every page lies where it should. */
export function isPlaced(subject: Subject): boolean {
  const { head, nodes } = subject
  if (head === undefined) return false
  const { fleet } = head
  if (fleet.moving > 0 || fleet.toMove > 0 || !fleet.directory.isQuiet) return false
  const areThere = expected(nodes).every((node) => head.memberOf(node) !== undefined)
  return areThere && placementFault(subject, head) === undefined
}

/** Faults are over and everybody had time: all pages have what room allows. */
export function checkPlaced(subject: Subject): void {
  const { head, nodes } = subject
  must(head !== undefined, 'the fleet is whole in time', () => 'there is no head')
  for (const node of expected(nodes)) {
    const isThere = head.memberOf(node) !== undefined
    must(isThere, 'the fleet is whole in time', () => `node ${node.index} has not come back`)
  }
  const { fleet } = head
  const text = (): string => `${fleet.moving} pages moving, ${fleet.toMove} to move`
  const isQuiet = fleet.moving === 0 && fleet.toMove === 0 && fleet.directory.isQuiet
  must(isQuiet, 'the fleet is whole in time', text)
  const fault = placementFault(subject, head)
  must(fault === undefined, 'the fleet is whole in time', () => fault ?? '')
}

/** Whether every page can have a holder. */
export function hasRoomForAll({ scenario, head, nodes }: Subject): boolean {
  return head !== undefined && copiesThatFit(scenario, head, nodes) > 0
}

function expected(nodes: readonly DomainNode[]): readonly DomainNode[] {
  return nodes.filter(({ isExpected }) => isExpected)
}

function placementFault({ scenario, nodes }: Subject, head: HeadNode): string | undefined {
  const { directory } = head.fleet
  const copies = copiesThatFit(scenario, head, nodes)
  for (let entry = 0; entry < directory.table.entries; entry++) {
    const count = directory.table.count(entry)
    if (count < copies) return `page ${entry} has ${count} holders, there is room for ${copies}`
  }
  return undefined
}

/** Replicas that surely fit, by bytes: with pages of several sizes, some room is left over. */
function copiesThatFit(
  { regions, replicas, ownCards, isSpare }: Scenario,
  head: HeadNode,
  nodes: readonly DomainNode[],
): number {
  const modelBytes = totalBytes(regions)
  const sizes = regions.map(({ pageBytes }) => pageBytes)
  const largest = Math.max(...sizes)
  const isEven = largest === Math.min(...sizes)
  const roomOf = (cards: readonly { memoryBytes: number }[]): number => {
    const each = isEven ? 0 : largest - 1
    const bytes = cards.map(({ memoryBytes }) => {
      return isEven ? memoryBytes - (memoryBytes % largest) : Math.max(0, memoryBytes - each)
    })
    const room = bytes.reduce((sum, one) => sum + one, 0)
    return Math.min(modelBytes, Math.max(0, isEven ? room : room - largest))
  }
  const members = expected(nodes)
    .filter((node) => head.memberOf(node)?.state !== 'draining')
    .map(({ plan }) => roomOf(plan.cards))
  const own = ownCards.map((card) => roomOf([card]))
  const sum = (rooms: readonly number[]): number => rooms.reduce((all, room) => all + room, 0)
  const all = isSpare ? members : [...own, ...members]
  for (let copies = Math.min(replicas, all.length); copies > 1; copies--) {
    if (sum(all) >= copies * modelBytes) return copies
  }
  return sum([...own, ...members]) >= modelBytes ? 1 : 0
}

/** Whoever the directory points at has the page, unless it is lost and nobody knows yet. */
export function checkAgreement({ head, nodes }: Subject): void {
  if (head === undefined) return
  const { directory, domains } = head.fleet
  for (const domain of domains) {
    if (domain === undefined) continue
    const cards = cardsOf(domain, head, nodes)
    if (cards === undefined) continue
    directory.regions.forEach(({ experts }, region) => {
      for (let expert = 0; expert < experts; expert++) {
        const isPointedAt = directory.table.has(directory.table.entry(region, expert), domain.id)
        if (!isPointedAt) continue
        const isThere = cards.some((card) => card.has(region, expert))
        const isGone = head.door.guest(domain.id)?.process.hasLost(region, expert) === true
        must(
          isThere || isGone,
          'the directory points at pages that are there',
          () => `page (${region}, ${expert}) is not on domain ${domain.id}`,
        )
      }
    })
  }
}

/** Nothing is under way: no card holds a page that the directory does not know of. */
export function checkTables(subject: Subject): void {
  const { head, nodes } = subject
  if (head?.fleet.directory.isQuiet !== true || head.fleet.moving > 0) return
  const { table } = head.fleet.directory
  for (const domain of head.fleet.domains) {
    const cards = domain === undefined ? undefined : cardsOf(domain, head, nodes)
    if (domain === undefined || cards === undefined) continue
    let known = 0
    for (let entry = 0; entry < table.entries; entry++) if (table.has(entry, domain.id)) known++
    const held = cards.reduce((sum, { pages }) => sum + pages, 0)
    const text = (): string =>
      `domain ${domain.id} holds ${held} pages, the directory says ${known}`
    must(held === known, 'directory and page tables agree', text)
    must(domain.pages === known, 'directory and page tables agree', () => `it says ${domain.pages}`)
    if (domain instanceof RemoteDomain) checkTiers(domain, cards, table)
  }
}

/** The head knows in which memory of a domain each page lies. */
function checkTiers(
  domain: RemoteDomain,
  cards: readonly IntegerCard[],
  table: HeadNode['fleet']['directory']['table'],
): void {
  for (let entry = 0; entry < table.entries; entry++) {
    const page = table.page(entry)
    const card = cards.findIndex((one) => one.has(page.region, page.expert))
    const tier = card < 0 ? undefined : tierOf(card)
    const text = (): string =>
      `page (${page.region}, ${page.expert}) of domain ${domain.id}: ${domain.tierOf(page)}, not ${tier}`
    must(domain.tierOf(page) === tier, 'the head knows where pages lie', text)
  }
}

/** Undefined when a card is gone or on its way back. */
function cardsOf({ id }: FleetDomain, head: HeadNode, nodes: readonly DomainNode[]) {
  const own = head.own[id]
  if (own !== undefined) return own.card?.isAlive === true ? [own.card] : undefined
  const process = head.door.guest(id)?.process
  const isNow = process !== undefined && nodes.some((node) => node.process === process)
  return isNow && process.isWhole ? process.cards : undefined
}

/** Nothing grows without bound. */
export function checkBounds({ head, nodes, scenario }: Subject): void {
  if (head === undefined) return
  const { fleet } = head
  const members = fleet.members.length
  must(members <= scenario.domains.length, 'memory is bounded', () => `${members} members`)
  const ids = fleet.domains.length
  must(ids <= nodes.length + head.own.length, 'memory is bounded', () => `${ids} domain ids`)
  for (const { underWay, number } of head.door.sessions) {
    const text = (): string => `${underWay} bytes in session ${number}`
    must(underWay <= UNDER_WAY_MAX, 'memory is bounded', text)
  }
}
