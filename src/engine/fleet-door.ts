/**
 * Where domains of other hosts come in: the fabric thread of a head, and what its events mean for
 * the fleet. Knows nothing of steps.
 */
import { reasonOf, SputnikError } from '../base/errors.js'
import type { Logger } from '../base/log.js'
import { stateDirectory } from '../base/state.js'
import { Fabric } from '../fabric/fabric.js'
import type { FabricEvent } from '../fabric/fabric-messages.js'
import { loadIdentity } from '../fabric/identity.js'
import { NodeRegistry } from '../fabric/node-registry.js'
import type { Fleet } from '../fleet/fleet.js'
import { changeFleet, type FleetAction } from '../fleet/fleet-control.js'
import { MEMBERSHIP_DEFAULTS } from '../fleet/membership-settings.js'
import { type PeerLink, RemoteDomain } from '../fleet/remote-domain.js'
import { openGguf } from '../gguf/reader.js'
import { manifestInBackground } from '../pages/manifest-background.js'
import { servedModel } from '../pages/served-model.js'
import type { Reply, StepLoop } from './step-loop.js'
import { TrafficWatch } from './traffic-watch.js'

export type FleetDoorOptions = {
  /** `host:port`. */
  readonly listen: string
  readonly modelPath: string
  readonly fleet: Fleet
  readonly loop: StepLoop
  /** Links without encryption, on loopback only. */
  readonly isPlain: boolean
  readonly spinUs: number
  readonly log: Logger
}

const TICK_MS = 20
/** Of progress that the log tells. */
const PERCENT_STEP = 10

export class FleetDoor {
  readonly #options: FleetDoorOptions
  readonly #timer: NodeJS.Timeout
  readonly #traffic: TrafficWatch
  #fabric: Fabric | undefined
  #address: string | null = null
  #stopMaking: () => void = () => {}
  headId = ''
  modelHash = ''

  constructor(options: FleetDoorOptions) {
    this.#options = options
    this.#traffic = new TrafficWatch(options)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#open().catch((error: unknown) => this.#report(error))
  }

  /** Where domains join; null until it listens. */
  get address(): string | null {
    return this.#address
  }

  /** @throws SputnikError the NODE_ ones, and those of the state folder */
  change(action: FleetAction, node: string): void {
    const { fleet } = this.#options
    // The fabric thread asks the same files at each join.
    const registry = new NodeRegistry(stateDirectory(), { now: Date.now })
    changeFleet({ fleet, registry }, { action, node })
  }

  close(): void {
    clearInterval(this.#timer)
    this.#traffic.close()
    for (const domain of this.#options.fleet.joined) domain.close()
    this.#stopMaking()
    void this.#fabric?.close()
  }

  /** Nodes are told to wait until the manifest is there. */
  async #open(): Promise<void> {
    const { listen, spinUs, isPlain } = this.#options
    const identity = loadIdentity()
    this.headId = identity.nodeId
    const { hostname, port } = new URL(`tcp://${listen}`)
    this.#fabric = new Fabric({
      role: {
        role: 'head',
        identity,
        host: hostname.replace(/^\[|\]$/g, ''),
        port: Number(port),
        plain: isPlain,
        heartbeatMs: MEMBERSHIP_DEFAULTS.heartbeatMs,
        leaseMs: MEMBERSHIP_DEFAULTS.leaseMs,
        stateFolder: stateDirectory(),
        pageBytesPerSecond: Number.POSITIVE_INFINITY,
      },
      spinUs,
      now: () => performance.now(),
      onEvent: (event) => this.#receive(event),
      onCrash: (error) => this.#report(error),
    })
    await this.#serveModel(this.#fabric)
  }

  async #serveModel(fabric: Fabric): Promise<void> {
    const { modelPath, log } = this.#options
    log.info('reading the model for its manifest')
    const onPercent = (percent: number): void => {
      if (percent % PERCENT_STEP === 0) log.info('reading the model for its manifest', { percent })
    }
    const making = manifestInBackground(modelPath, { onPercent })
    this.#stopMaking = making.stop
    const manifest = await making.manifest
    this.modelHash = manifest.model
    fabric.serve(servedModel(manifest, openGguf(modelPath)))
    log.info('the manifest is there', { model: manifest.model })
  }

  /** What the fabric thread has to say, also while a step keeps the event loop from turning. */
  hear(): void {
    this.#fabric?.poll()
  }

  /** Replies that a step is about to ask for: credits are granted for all of them together. */
  expect(replies: readonly Reply[]): void {
    const { fleet } = this.#options
    const asked = replies.flatMap(({ domain: id, transfer, bytes }) => {
      const domain = fleet.domains[id]
      return domain instanceof RemoteDomain ? [{ peer: domain.peer, transfer, bytes }] : []
    })
    this.#fabric?.credits.request(asked, performance.now())
  }

  #tick(): void {
    try {
      this.#options.loop.idle()
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
    } else if (event.kind === 'refused') {
      log.warn('a node was refused', { address: event.address, reason: event.error.message })
    } else if (event.kind === 'failed') {
      this.#report(new SputnikError(event.error.code, event.error.message))
    }
  }

  #admit(event: FabricEvent & { kind: 'joined' }): void {
    const { fleet } = this.#options
    const { fabric, join } = { fabric: this.#fabric, join: event.join }
    if (fabric === undefined || join === undefined) return
    const { nodeId, address } = event
    const now = (): number => performance.now()
    let link: PeerLink | undefined
    try {
      link = fabric.link(event)
      const id = fleet.admit(nodeId, now())
      const { table } = fleet.directory
      fleet.add(new RemoteDomain({ id, nodeId, address, join, link, table, now }), now())
    } catch (error) {
      this.#report(error)
      // The node hears why.
      link?.close(error instanceof SputnikError ? error : undefined)
    }
  }

  #report(error: unknown): void {
    const reason = reasonOf(error)
    this.#options.log.error('the fleet has a problem', { reason })
  }
}
