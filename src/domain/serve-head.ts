/**
 * One time with one head: joins it, learns its model, lends it the cards until it is gone. Knows
 * nothing of other heads and of trying again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { defined } from '../base/assert.js'
import { fromPlain, SputnikError } from '../base/errors.js'
import type { Credits } from '../fabric/credits.js'
import { Fabric } from '../fabric/fabric.js'
import type { FabricEvent, FabricRole, PeerJoined } from '../fabric/fabric-messages.js'
import { loadOfManifest } from '../pages/card-load.js'
import { withSlots } from './card-memory.js'
import { Domain } from './domain.js'
import { tableRegions } from './domain-cards.js'
import type { DomainLoop } from './domain-loop.js'
import type { LentCards } from './lent-cards.js'
import { Loan } from './loan.js'
import type { DomainConfig, DomainState, HeadConfig } from './protocol.js'
import { openSupply } from './supply-link.js'
import { describe, identityOf, supplySetup } from './supply-setup.js'

/** What all heads of this host share. */
export type Host = {
  readonly config: DomainConfig
  readonly loop: DomainLoop
  /** Turns the loop, from now on until it is empty. */
  readonly drive: () => void
  readonly credits: Credits
  readonly now: () => number
  /** Somebody wants the process to end. */
  readonly isLeaving: () => boolean
}

export type ServeOptions = {
  readonly head: HeadConfig
  readonly cards: LentCards
  /** Of the copy on this machine, if it is sure to be this head's; the head checks it. */
  readonly modelHash: string | null
  readonly onState: (state: DomainState, text: string) => void
  /** What the domain holds; a few times a second. */
  readonly onProgress: (pages: number, bytes: number) => void
}

const HEARTBEAT_MS = 1000
const LEASE_MS = 3000
const LINK_SPIN_US = 200
/** So long after its link has ended, the fabric thread has told why. */
const ENDED_MS = 2000

/** Resolves when the head is gone, with the reason. Cards end with it. */
export async function serveHead(host: Host, options: ServeOptions): Promise<unknown> {
  const { head, cards, onState } = options
  onState('connecting', `joining ${head.host}:${head.port}`)
  const session = new HeadSession(host, options)
  try {
    return await session.run()
  } catch (error) {
    return error
  } finally {
    cards.links.close()
    await session.close()
  }
}

class HeadSession {
  readonly #host: Host
  readonly #options: ServeOptions
  readonly #fabric: Fabric
  readonly #joined: Promise<PeerJoined>
  /** Rejects when the link has ended, or nothing comes of it. */
  readonly #ended: Promise<never>
  #close = (): void => {}

  constructor(host: Host, options: ServeOptions) {
    this.#host = host
    this.#options = options
    let onJoined: (joined: PeerJoined) => void = () => {}
    let onEnded: (error: unknown) => void = () => {}
    this.#joined = new Promise((resolve) => {
      onJoined = resolve
    })
    this.#ended = new Promise((_, reject) => {
      onEnded = reject
    })
    this.#ended.catch(() => {})
    this.#fabric = new Fabric({
      role: this.#role(),
      spinUs: LINK_SPIN_US,
      ...{ credits: host.credits, now: host.now, onCrash: onEnded },
      onEvent: (event: FabricEvent) => {
        if (event.kind === 'joined') onJoined(event)
        else if (event.kind === 'failed') onEnded(fromPlain(event.error))
        // The head's own reason, when it gave one.
        else if (event.kind === 'ended') {
          onEnded(event.error ? fromPlain(event.error) : lost(event.reason))
        }
      },
    })
  }

  /** Until the head is gone. Rejects with the reason when the link tells more than the loan. */
  async run(): Promise<SputnikError> {
    const joined = await Promise.race([this.#joined, this.#ended])
    const over = await this.#lend(joined)
    if (over !== undefined) return over
    return Promise.race([this.#ended, sleep(ENDED_MS, lost('nobody says why'))])
  }

  async close(): Promise<void> {
    this.#close()
    await this.#fabric.close()
  }

  async #lend(joined: PeerJoined): Promise<SputnikError | undefined> {
    const { config, loop, drive, now, isLeaving } = this.#host
    const { head, cards, onState, onProgress } = this.#options
    const { headId, modelHash } = defined(joined.welcome, 'a welcome')
    onState('loading', `part of the fleet of ${headId}`)
    const setup = supplySetup(config, { head, modelHash })
    const { supply, ...model } = await openSupply(setup, now)
    this.#close = () => supply.close()
    const load = loadOfManifest(model.manifest, model)
    const regions = tableRegions(load)
    const specs = cards.lent.map((card) => withSlots(card, regions))
    const domain = new Domain({ load, cards: specs, pid: process.pid, now: now() })
    return new Promise((resolve) => {
      const loan: Loan = new Loan({
        ...{ domain, cards: cards.links, supply, now, isLeaving },
        onLoaded: () => {
          onState('ready', describe(model))
          loan.serve(this.#fabric.link(joined))
        },
        onTick: ({ status: { pages, bytes } }) => onProgress(pages, bytes),
        onOver: () => {
          loop.remove(loan)
          resolve(loan.failure)
        },
      })
      loop.add(loan)
      drive()
    })
  }

  #role(): FabricRole {
    const { config } = this.#host
    const { head, cards, modelHash } = this.#options
    const { name, plain } = config
    return {
      ...{ role: 'domain', identity: identityOf(config), name, plain, modelHash, ...head },
      cards: cards.lent.map(({ device, memoryBytes }) => ({ device, memoryBytes })),
      heartbeatMs: HEARTBEAT_MS,
      leaseMs: LEASE_MS,
    }
  }
}

function lost(reason: string): SputnikError {
  return new SputnikError('PEER_UNREACHABLE', `the link to the head has ended: ${reason}`)
}
