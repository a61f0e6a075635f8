/** Where nodes come in at a head of the simulation, as at its real door: while steps wait, too. */
import { SputnikError } from '../../src/base/errors.js'
import type { Credits } from '../../src/fabric/credits.js'
import { PROTOCOL_VERSION } from '../../src/fabric/frame.js'
import type { Join } from '../../src/fabric/handshake-messages.js'
import type { Fleet } from '../../src/fleet/fleet.js'
import { RemoteDomain } from '../../src/fleet/remote-domain.js'
import type { DomainNode } from './domain-node.js'
import type { DomainProcess } from './domain-process.js'
import { Session } from './session.js'
import type { Sim } from './sim.js'
import type { SimProcess } from './sim-process.js'
import { must } from './violation.js'

export type HeadDoorOptions = {
  readonly sim: Sim
  /** The head. */
  readonly process: SimProcess
  readonly credits: Credits
  /** Node ids that are not let in. */
  readonly evicted: ReadonlySet<string>
}

type Guest = { readonly session: Session; readonly process: DomainProcess }

export class HeadDoor {
  readonly #options: HeadDoorOptions
  /** Came and was not let in yet. */
  readonly #waiting = new Map<DomainNode, DomainProcess>()
  /** The last one of each domain id. */
  readonly #guests = new Map<number, Guest>()

  constructor(options: HeadDoorOptions) {
    this.#options = options
  }

  get sessions(): Session[] {
    return [...this.#guests.values()].map(({ session }) => session)
  }

  guest(domain: number): Guest | undefined {
    return this.#guests.get(domain)
  }

  /** A node has proved who it is. */
  arrive(node: DomainNode): void {
    const { process } = node
    if (process === undefined) return
    if (this.#options.evicted.has(node.nodeId)) {
      this.#options.sim.counts.add('refused NODE_EVICTED')
      node.refused(process, { isFinal: true })
      return
    }
    this.#waiting.set(node, process)
    this.#options.process.wake()
  }

  /** Lets in who waits. */
  open(fleet: Fleet): void {
    for (const [node, process] of this.#waiting) {
      this.#waiting.delete(node)
      if (node.process === process) this.#admit(fleet, { node, process })
    }
  }

  /** The head is gone. */
  end(): void {
    for (const { session } of this.#guests.values()) session.crash('head', { isSilent: false })
    for (const [node, process] of this.#waiting) node.refused(process, { isFinal: false })
  }

  /** Nobody is thrown out for what is the head's own fault. */
  checkLoss(domain: number, reason: string): void {
    const isWhole = this.#guests.get(domain)?.process.isWhole ?? false
    const isUnasked = reason === 'it answered something else'
    const isMissing = isWhole && /is not on this domain|not on this card/.test(reason)
    must(!isUnasked, 'a domain answers what it was asked', () => `domain ${domain}`)
    must(!isMissing, 'a domain has what it is asked for', () => `domain ${domain}: ${reason}`)
  }

  #admit(fleet: Fleet, { node, process }: { node: DomainNode; process: DomainProcess }): void {
    const { sim, process: head } = this.#options
    const { nodeId } = node
    const session = this.#connect(node, process)
    const link = session.link('head')
    const now = (): number => head.now()
    try {
      const id = fleet.admit(nodeId, now())
      this.#guests.set(id, { session, process })
      const join = joinOf(node)
      const { table } = fleet.directory
      fleet.add(new RemoteDomain({ id, nodeId, address: '', join, link, table, now }), now())
      sim.counts.add('joined')
      sim.note('joined', id, node.index)
    } catch (error) {
      if (!(error instanceof SputnikError)) throw error
      sim.counts.add(`refused ${error.code}`)
      sim.note(`refused ${error.code}`, node.index)
      link.close(error)
    }
    process.joined(session)
  }

  #connect({ wires, plan }: DomainNode, process: DomainProcess): Session {
    const { sim, process: head, credits } = this.#options
    return new Session({
      ...{ sim, wires, number: sim.number(), bufferBytes: plan.bufferBytes },
      ends: { head: { process: head, credits }, domain: { process, credits: process.credits } },
    })
  }
}

function joinOf({ nodeId, index, plan }: DomainNode): Join {
  const cards = plan.cards.map(({ memoryBytes }) => ({ device: 'cpu', memoryBytes }))
  const rest = { key: null, modelHash: null, cards }
  return { type: 'join', protocol: PROTOCOL_VERSION, nodeId, name: `node-${index}`, ...rest }
}
