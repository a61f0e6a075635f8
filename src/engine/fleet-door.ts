/**
 * Where domains of other hosts come in: the fabric thread of a head, and what its events mean for
 * the fleet. Knows nothing of steps.
 */
import { SputnikError } from '../base/errors.js'
import type { Logger } from '../base/log.js'
import { stateDirectory } from '../base/state.js'
import { Fabric } from '../fabric/fabric.js'
import type { FabricEvent } from '../fabric/fabric-messages.js'
import { loadIdentity } from '../fabric/identity.js'
import type { Fleet } from '../fleet/fleet.js'
import { MEMBERSHIP_DEFAULTS } from '../fleet/membership-settings.js'
import { RemoteDomain } from '../fleet/remote-domain.js'
import { manifestOf } from '../pages/manifest-store.js'

export type FleetDoorOptions = {
  /** `host:port`. */
  readonly listen: string
  readonly modelPath: string
  readonly fleet: Fleet
  readonly spinUs: number
  readonly log: Logger
}

const TICK_MS = 20

export class FleetDoor {
  readonly #options: FleetDoorOptions
  readonly #timer: NodeJS.Timeout
  readonly #byPeer = new Map<number, RemoteDomain>()
  #fabric: Fabric | undefined
  #address: string | null = null
  headId = ''
  modelHash = ''

  constructor(options: FleetDoorOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#open().catch((error: unknown) => this.#report(error))
  }

  /** Where domains join; null until it listens. */
  get address(): string | null {
    return this.#address
  }

  close(): void {
    clearInterval(this.#timer)
    for (const domain of this.#options.fleet.remote) domain.close()
    void this.#fabric?.close()
  }

  async #open(): Promise<void> {
    const { listen, modelPath, spinUs, log } = this.#options
    const identity = loadIdentity()
    this.headId = identity.nodeId
    log.info('reading the model for its manifest')
    const { model } = await manifestOf(modelPath)
    this.modelHash = model
    const { hostname, port } = new URL(`tcp://${listen}`)
    this.#fabric = new Fabric({
      role: {
        role: 'head',
        identity,
        host: hostname.replace(/^\[|\]$/g, ''),
        port: Number(port),
        plain: false,
        heartbeatMs: MEMBERSHIP_DEFAULTS.heartbeatMs,
        leaseMs: MEMBERSHIP_DEFAULTS.leaseMs,
        stateFolder: stateDirectory(),
        modelHash: model,
      },
      spinUs,
      now: () => performance.now(),
      onEvent: (event) => this.#receive(event),
      onCrash: (error) => this.#report(error),
    })
  }

  #tick(): void {
    try {
      this.#options.fleet.tick()
    } catch (error) {
      this.#report(error)
    }
  }

  #receive(event: FabricEvent): void {
    const { log } = this.#options
    if (event.kind === 'joined') this.#admit(event)
    else if (event.kind === 'listening') {
      this.#address = `${event.host}:${event.port}`
      log.info('domains may join', { address: this.#address })
    } else if (event.kind === 'ended') this.#byPeer.delete(event.peer)
    else if (event.kind === 'refused') {
      log.warn('a node was refused', { address: event.address, reason: event.error.message })
    } else this.#report(new SputnikError(event.error.code, event.error.message))
  }

  #admit(event: FabricEvent & { kind: 'joined' }): void {
    const { fleet } = this.#options
    const { fabric, join } = { fabric: this.#fabric, join: event.join }
    if (fabric === undefined || join === undefined) return
    const { nodeId, address } = event
    const link = fabric.link(event)
    const now = (): number => performance.now()
    const domain = new RemoteDomain({ id: fleet.freeId(), nodeId, address, join, link, now })
    this.#byPeer.set(event.peer, domain)
    fleet.add(domain)
  }

  #report(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.log.error('the fleet has a problem', { reason })
  }
}
