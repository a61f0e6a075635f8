/**
 * The pages a card holds: one tensor per projection and region with a slot per page. Takes pages in
 * and lets them go page by page, so that its card can serve in between. Knows no dispatches.
 */
import { defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { Projection } from '../base/expert.js'
import type {
  Load,
  LoadRegion,
  MapRequest,
  PageAt,
  PageSource,
  UnmapRequest,
} from '../fabric/control.js'
import { ggml } from '../native/ggml.js'
import { allocateNative, type NativeBuffer, type Pointer } from '../native/memory.js'
import { weightBufferTypes } from '../native/weight-buffers.js'
import { PageTable } from '../pages/page-table.js'
import { checkCapacity, checkRegion, pageBytes, slotCount } from './check-region.js'
import { PageFiles } from './page-files.js'
import { SlotMemory } from './slot-memory.js'
import { SlotTensors } from './slot-tensors.js'

/**
 * Of one projection; `weight` is [in, out, slots], `bias` [out, slots], `scale` [slots]. `slots`
 * are there for layouts in which many rows of one slot are faster as a matrix product of their own.
 */
export type ProjectionTensors = {
  weight?: Pointer
  bias?: Pointer
  scale?: Pointer
  slots?: SlotTensors
}

export type RegionPages = {
  /** What was to be loaded. */
  readonly region: LoadRegion
  readonly table: PageTable
  readonly projections: ReadonlyMap<Projection, ProjectionTensors>
}

type StoredRegion = RegionPages & {
  /** Of each tensor of the region, in its order; none for a region without slots. */
  readonly memories: readonly SlotMemory[]
}

type TakenSlot = { readonly stored: StoredRegion; readonly expert: number; readonly slot: number }

const PROGRESS_BYTES = 64 << 20

export class PageStore {
  readonly regions: readonly RegionPages[]
  /** Held now; bytes run ahead of pages while pages come in. */
  pages = 0
  bytes = 0
  readonly #regions: readonly StoredRegion[]
  readonly #device: Pointer
  readonly #bufferTypes: readonly Pointer[]
  readonly #context: Pointer
  readonly #files: PageFiles
  readonly #onProgress: (pages: number, bytes: number) => void
  #staging: NativeBuffer | undefined
  readonly #stagingBytes: number
  #reportedBytes = 0

  /**
   * @throws SputnikError FRAME_INVALID, OUT_OF_MEMORY, REGION_UNKNOWN, GGUF_INVALID, FILE_NOT_FOUND
   */
  constructor(
    load: Load,
    { device, onProgress }: { device: Pointer; onProgress: (p: number, b: number) => void },
  ) {
    for (const region of load.regions) checkRegion(region, load.files.length)
    checkCapacity(load.regions)
    this.#device = device
    this.#onProgress = onProgress
    this.#bufferTypes = weightBufferTypes(device)
    const tensors = load.regions.flatMap((region) => region.tensors)
    this.#stagingBytes = Math.max(1, ...tensors.map(({ sliceBytes }) => sliceBytes))
    this.#context = ggml().init({
      mem_size: (tensors.length + 16) * ggml().tensorOverhead(),
      mem_buffer: null,
      no_alloc: true,
    })
    this.#files = new PageFiles(load.files)
    this.#regions = load.regions.map((region) => this.#makeRegion(region))
    this.regions = this.#regions
    for (const stored of this.#regions) this.#loadRegion(stored)
  }

  /**
   * Takes pages in, one per step; dispatches find them when the last one is in place, and find none
   * of them when one fails.
   * @throws SputnikError FRAME_INVALID, PAGE_MAPPED, CARD_FULL, FILE_NOT_FOUND, FILE_UNREADABLE,
   * GGUF_INVALID, PAGE_CORRUPT
   */
  *map({ pages, sources }: Omit<MapRequest, 'id'>): Generator<void, void> {
    this.#checkMap(pages, sources?.length)
    const taken: TakenSlot[] = []
    try {
      for (const [index, { region, expert }] of pages.entries()) {
        if (index > 0) yield
        const stored = this.#region(region)
        const one = { stored, expert, slot: stored.table.take() }
        taken.push(one)
        this.#fillPage(one, sources?.[index])
      }
    } catch (error) {
      for (const one of taken) this.#abandon(one)
      throw error
    }
    for (const { stored, expert, slot } of taken) stored.table.map(expert, slot)
    this.pages += taken.length
  }

  /** Lets pages go, one per step. @throws SputnikError FRAME_INVALID, PAGE_NOT_MAPPED */
  *unmap({ pages }: Omit<UnmapRequest, 'id'>): Generator<void, void> {
    this.#checkUnmap(pages)
    for (const [index, { region, expert }] of pages.entries()) {
      if (index > 0) yield
      const stored = this.#region(region)
      const slot = stored.table.unmap(expert)
      for (const memory of stored.memories) memory.giveBack(slot)
      this.pages--
      this.bytes -= pageBytes(stored.region)
    }
  }

  #makeRegion(region: LoadRegion): StoredRegion {
    const slots = slotCount(region)
    const projections = new Map<Projection, ProjectionTensors>()
    const memories: SlotMemory[] = []
    for (const tensor of region.tensors) {
      const entry = projections.get(tensor.role) ?? {}
      projections.set(tensor.role, entry)
      if (slots === 0) continue
      const memory = new SlotMemory(this.#context, tensor, {
        slots,
        device: this.#device,
        bufferTypes: this.#bufferTypes,
        staging: () => this.#stage(),
      })
      memories.push(memory)
      entry[tensor.kind] = memory.tensor
      if (tensor.kind === 'weight' && memory.isRepacked) {
        entry.slots = new SlotTensors(memory.tensor)
      }
    }
    // Slots beyond what was asked for only please the kernels.
    const capacity = region.slots ?? region.pages.length
    return { region, table: new PageTable(region.experts, capacity), projections, memories }
  }

  /** Tensor by tensor, as the files have them. */
  #loadRegion({ region, table, memories }: StoredRegion): void {
    const slots = region.pages.map((expert) => table.map(expert))
    region.tensors.forEach((tensor, index) => {
      region.pages.forEach((expert, at) => {
        const page = this.#files.page(expert, undefined)
        const memory = defined(memories[index], 'memory of a tensor')
        memory.fill(defined(slots[at], 'slot of a page'), (into) => page.read(tensor, into))
        this.#note(tensor.sliceBytes)
      })
    })
    this.pages += region.pages.length
  }

  #fillPage({ stored, expert, slot }: TakenSlot, source: PageSource | null | undefined): void {
    const { region, memories } = stored
    // First of all, so that giving up a page needs no account of how much of it was there.
    this.#note(pageBytes(region))
    const page = this.#files.page(expert, source)
    try {
      region.tensors.forEach((tensor, index) => {
        const memory = defined(memories[index], 'memory of a tensor')
        memory.fill(slot, (into) => page.read(tensor, into))
      })
    } finally {
      page.close()
    }
  }

  #abandon({ stored, slot }: TakenSlot): void {
    for (const memory of stored.memories) memory.giveBack(slot)
    stored.table.giveBack(slot)
    this.bytes -= pageBytes(stored.region)
  }

  #region(index: number): StoredRegion {
    const stored = this.#regions[index]
    if (stored !== undefined) return stored
    throw new SputnikError('FRAME_INVALID', `the card has no region ${index}`)
  }

  #checkMap(pages: readonly PageAt[], sources = pages.length): void {
    if (sources !== pages.length) {
      throw new SputnikError('FRAME_INVALID', `${sources} sources for ${pages.length} pages`)
    }
    const wanted = new Map<StoredRegion, number>()
    for (const { stored, expert, name } of this.#distinct(pages)) {
      if (stored.table.slotOf(expert) >= 0) {
        throw new SputnikError('PAGE_MAPPED', `${name} is on this card already`)
      }
      wanted.set(stored, (wanted.get(stored) ?? 0) + 1)
    }
    for (const [{ table, region }, count] of wanted) {
      if (count <= table.free) continue
      const state = `${table.free} of ${table.capacity} slots are free`
      throw new SputnikError(
        'CARD_FULL',
        `${count} pages of layer ${region.layer} do not fit: ${state}`,
      )
    }
  }

  #checkUnmap(pages: readonly PageAt[]): void {
    for (const { stored, expert, name } of this.#distinct(pages)) {
      if (stored.table.slotOf(expert) >= 0) continue
      throw new SputnikError('PAGE_NOT_MAPPED', `${name} is not on this card`)
    }
  }

  /** The pages, when each exists and is named once. */
  #distinct(
    pages: readonly PageAt[],
  ): Array<{ stored: StoredRegion; expert: number; name: string }> {
    const seen = new Set<string>()
    return pages.map(({ region, expert }) => {
      const key = `${region} ${expert}`
      const stored = this.#region(region)
      const name = `expert ${expert} of layer ${stored.region.layer}${stored.region.group}`
      if (expert >= stored.region.experts) {
        throw new SputnikError('FRAME_INVALID', `${name} does not exist`)
      }
      if (seen.has(key)) throw new SputnikError('FRAME_INVALID', `${name} is named twice`)
      seen.add(key)
      return { stored, expert, name }
    })
  }

  #stage(): NativeBuffer {
    this.#staging ??= allocateNative(this.#stagingBytes)
    return this.#staging
  }

  #note(bytes: number): void {
    this.bytes += bytes
    if (Math.abs(this.bytes - this.#reportedBytes) < PROGRESS_BYTES) return
    this.#reportedBytes = this.bytes
    this.#onProgress(this.pages, this.bytes)
  }
}
