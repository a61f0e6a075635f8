/**
 * Experts on cards of this host: starts the card processes, gives them their pages and records, and
 * hands each region of a step to the dispatcher. The head holds addresses of experts, not bytes.
 */
import { availableParallelism } from 'node:os'
import { defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import { type ExpertRecord, regionKey } from '../base/expert.js'
import { createLogger, type Logger } from '../base/log.js'
import { LocalDomain } from '../domain/local-domain.js'
import type { Load } from '../fabric/control.js'
import type { WireFormat } from '../fabric/dispatch.js'
import { type Encoding, encodingFor } from '../fabric/encoding.js'
import { sharedBytes } from '../fabric/shared-link.js'
import { Fleet } from '../fleet/fleet.js'
import { FleetLog } from '../fleet/fleet-log.js'
import type { ExpertLayer, PageMap } from '../gguf/pages.js'
import type { GgufModel } from '../gguf/reader.js'
import { FleetDevice } from '../native/fleet-device.js'
import { libraries } from '../native/library.js'
import { withoutPrefetch } from '../native/mapped-load.js'
import type { Pointer } from '../native/memory.js'
import type { ParsedRegion } from '../native/region-parser.js'
import { HAS_SHARED_MEMORY } from '../native/shared-memory.js'
import { localSockets } from '../native/sockets.js'
import { cardLoad, regionsInUse } from '../pages/card-load.js'
import { pagesOf } from '../pages/placement.js'
import { tierOfPage, viewJoined, viewOwn } from './domain-view.js'
import { expertsUsed } from './experts-used.js'
import { FleetDoor } from './fleet-door.js'
import type { DomainView } from './fleet-protocol.js'
import { viewExperts, viewPlacement } from './fleet-view.js'
import { OwnRoom } from './own-room.js'
import type { EngineConfig, ExpertsView, FleetAction, FleetView } from './protocol.js'
import { RegionReader } from './region-reader.js'
import type { Experts, LoadProgress } from './runtime.js'
import { stepError } from './step-error.js'
import { StepLoop } from './step-loop.js'

export type CardExpertsOptions = {
  readonly config: EngineConfig
  readonly gguf: GgufModel
  readonly pages: PageMap
  readonly gpus: readonly Pointer[]
  readonly onProgress: LoadProgress
  /** Nobody asked for these cards: they hold only what no domain takes. */
  readonly isSpare?: boolean
}

/** Pattern libllama matches tensor names with (ECMAScript of the C++ library). */
const EXPERT_PATTERN = 'ffn_(up|down|gate|gate_up)_(ch)?exps\\.(weight|bias|scale)$'

const SHARED_FRAME_BYTES_MAX = 64 << 20
const FRAME_HEAD_BYTES = 4096

/** Both ends look this long for a frame before they sleep: with cores to spare, and without. */
const SPIN_US = 4000
const SPIN_SHORT_US = 200

export class CardExperts implements Experts {
  readonly devices: readonly Pointer[]
  readonly overrides: Experts['overrides']
  readonly gpuLayers?: number
  readonly #options: CardExpertsOptions
  readonly #layers: readonly ExpertLayer[]
  readonly #log: Logger
  readonly #device: FleetDevice
  readonly #domains: readonly LocalDomain[]
  readonly #fleet: Fleet
  readonly #news = new FleetLog(Date.now)
  readonly #reader = new RegionReader()
  readonly #regions = new Map<string, number>()
  readonly #loadedBytes: number[]
  readonly #room: OwnRoom
  #loop: StepLoop | undefined
  #door: FleetDoor | undefined
  /** Time the head spent on regions so far, in microseconds: dispatch, wait, combine. */
  regionUs = 0

  constructor(options: CardExpertsOptions) {
    const { config, gpus } = options
    this.#options = options
    this.#log = createLogger({ level: config.logLevel, part: 'fleet' })
    this.#layers = regionsInUse(options.pages, options.gguf)
    this.#layers.forEach((layer, index) => {
      this.#regions.set(regionKey(layer), index)
    })
    this.#room = new OwnRoom(this.#layers, config)
    const placement = this.#room.placement
    this.#loadedBytes = new Array<number>(config.cards).fill(0)
    this.#device = new FleetDevice({
      expertsUsed: expertsUsed(options.gguf),
      compute: (region) => this.#compute(region),
    })
    this.devices = [...gpus, this.#device.device]
    if (gpus.length === 0) this.gpuLayers = 0
    this.overrides = [{ pattern: EXPERT_PATTERN, bufferType: this.#device.remoteBufferType }]
    this.#domains = Array.from({ length: config.cards }, (_, id) =>
      this.#domain(id, pagesOf(placement, id)),
    )
    this.#fleet = new Fleet(
      {
        regions: this.#layers,
        own: this.#domains,
        ownBytes: this.#room.cardBytes,
        isSpare: options.isSpare ?? false,
        placement,
        replicas: config.replicas ?? 1,
        log: this.#log,
        news: this.#news,
      },
      performance.now(),
    )
    for (const domain of this.#domains) domain.start()
  }

  /** False while domains have to join before a step can be computed. */
  get isWhole(): boolean {
    return this.#fleet.orphans === 0
  }

  /** Regions are computed by other processes. */
  shareThreads(): void {}

  aroundLoad<T>(load: () => T): T {
    return withoutPrefetch(load)
  }

  /** @throws SputnikError REGION_UNKNOWN, CARD_FAILED */
  afterContext(): void {
    try {
      const records = this.#recordsOfAllLayers()
      for (const domain of this.#domains) domain.awaitLoaded()
      for (const domain of this.#domains) domain.learn(records)
      this.#fleet.learn(records)
      this.#loop = this.#openLoop(records)
      this.#door = this.#openDoor(this.#loop)
    } catch (error) {
      this.close()
      throw error
    }
  }

  takeError(): SputnikError | undefined {
    return stepError(this.#device.takeError())
  }

  stats(): ReturnType<Experts['stats']> {
    const cards = this.#domains.map((domain) => ({
      id: domain.id,
      pid: domain.pid,
      device: domain.device,
      pages: domain.pages,
      pageBytes: domain.pageBytes,
      expertCalls: domain.expertCalls,
      restarts: domain.restarts,
      bytesSent: domain.bytesSent,
      bytesReceived: domain.bytesReceived,
    }))
    return { regions: this.#device.regionCount, cards, fleet: this.#view() }
  }

  #view(): FleetView | null {
    const door = this.#door
    if (door === undefined) return null
    const fleet = this.#fleet
    const { moving, toMove, directory } = fleet
    return {
      ...viewPlacement({ directory, regions: this.#layers }),
      headId: door.headId,
      address: door.address,
      modelHash: door.modelHash,
      domains: this.#viewDomains(),
      moving,
      toMove,
      events: this.#news.changes,
    }
  }

  #viewDomains(): DomainView[] {
    const fleet = this.#fleet
    const memoryBytes = this.#room.cardBytes
    return [
      ...this.#domains.map((domain) => viewOwn(domain, { fleet, memoryBytes })),
      ...viewJoined(fleet, performance.now()),
    ]
  }

  changeFleet(action: FleetAction, node: string): void {
    if (this.#door === undefined) throw new SputnikError('FLEET_OFF', 'no domain can join')
    this.#door.change(action, node)
  }

  experts(): ExpertsView {
    const { directory, usage, domains } = this.#fleet
    return viewExperts({
      directory,
      regions: this.#layers,
      calls: usage,
      domains: this.#viewDomains().map(({ id, name }) => ({ id, name })),
      tierOf: (domain, page) => tierOfPage(domains[domain], page),
    })
  }

  /** Time all cards spent on computing so far, in microseconds, as they report it. */
  get computeUs(): number {
    return this.#loop?.computeUs ?? 0
  }

  close(): void {
    this.#door?.close()
    for (const domain of this.#domains) domain.stop()
  }

  #domain(id: number, pages: readonly (readonly number[])[]): LocalDomain {
    return new LocalDomain({
      id,
      backend: libraries().located.backend,
      load: this.#loadMessage(pages),
      sockets: localSockets(),
      sharedBytes: HAS_SHARED_MEMORY ? sharedBytes(this.#frameBytes()) : 0,
      spinUs: spinUsOf(this.#options.config),
      now: () => performance.now(),
      onProgress: (card, bytes) => this.#report(card, bytes),
    })
  }

  /** What a whole step may put into one frame; larger ones go through the socket. */
  #frameBytes(): number {
    const { config, gguf } = this.#options
    const width = gguf.getModelNumber('embedding_length') ?? 0
    const used = Math.max(1, ...expertsUsed(gguf))
    return Math.min(
      SHARED_FRAME_BYTES_MAX,
      FRAME_HEAD_BYTES + config.batch * (4 * width * (config.exact ? used : 1) + 8 * used),
    )
  }

  /** With a fleet, cards of this host must be able to take pages back. */
  #loadMessage(pages: readonly (readonly number[])[]): Load {
    const { config, gguf } = this.#options
    const isFleet = config.fleetListen !== undefined
    return cardLoad({
      gguf,
      layers: this.#layers,
      device: 'cpu',
      threads: config.cardThreads,
      pages,
      ...(isFleet && { slots: (region) => this.#room.slots(region) }),
    })
  }

  #report(card: number, bytes: number): void {
    this.#loadedBytes[card] = bytes
    const done = this.#loadedBytes.reduce((sum, part) => sum + part, 0)
    this.#options.onProgress('pages', done, this.#options.pages.expertBytes)
  }

  /** Layers without a region keep experts that no graph of the model uses. */
  #recordsOfAllLayers(): readonly ExpertRecord[] {
    const { records, unknown } = this.#device
    const { architecture } = this.#options.gguf
    const [first] = unknown
    if (first !== undefined) {
      throw new SputnikError(
        'REGION_UNKNOWN',
        `the experts of layer ${first.layer} (${architecture}) cannot go to cards: ${first.message}`,
      )
    }
    if (records.length > 0) return records
    throw new SputnikError('MODEL_DENSE', `${architecture} computes no routed experts of this file`)
  }

  #openLoop(records: readonly ExpertRecord[]): StepLoop {
    const { config } = this.#options
    return new StepLoop({
      fleet: this.#fleet,
      format: chooseFormat(config, records),
      ownCount: this.#domains.length,
      spinUs: spinUsOf(config),
      yield: localSockets().yield,
      now: () => performance.now(),
      expect: (replies) => this.#door?.expect(replies),
      hear: () => this.#door?.hear(),
      pagesMs: config.pagesMs,
    })
  }

  #openDoor(loop: StepLoop): FleetDoor | undefined {
    const { fleetListen: listen, fleetPlain = false, modelPath } = this.#options.config
    if (listen === undefined) return undefined
    return new FleetDoor({
      ...{ listen, modelPath, loop },
      fleet: this.#fleet,
      isPlain: fleetPlain,
      spinUs: SPIN_SHORT_US,
      log: this.#log,
    })
  }

  #compute(parsed: ParsedRegion): void {
    const started = performance.now()
    const region = defined(this.#regions.get(regionKey(parsed.record)), 'region of a record')
    const loop = defined(this.#loop, 'the loop of steps')
    loop.compute(this.#reader.read(parsed, region))
    this.regionUs += 1000 * (performance.now() - started)
  }
}

/** How long both ends of a link look for a frame before they sleep. */
export function spinUsOf({ cards, cardThreads }: EngineConfig): number {
  return availableParallelism() > cards * cardThreads ? SPIN_US : SPIN_SHORT_US
}

/** How sums come back when activations go out as `wire`. */
export function combineEncoding(wire: Encoding): Encoding {
  return wire === 'f32' ? 'f32' : 'bf16'
}

/** Rows that are not whole blocks cannot travel as q8_0. */
function chooseFormat({ wire, exact }: EngineConfig, records: readonly ExpertRecord[]): WireFormat {
  const dispatch = records.reduce<Encoding>((best, record) => encodingFor(best, record.nEmbd), wire)
  return { dispatch, combine: combineEncoding(wire), isSummed: !exact }
}
