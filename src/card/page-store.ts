/**
 * The pages a card holds: one tensor per projection and region with a slot per expert, filled from
 * the model's files straight into native memory. Knows nothing of dispatches.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { assert, defined } from '../base/assert.js'
import { SputnikError } from '../base/errors.js'
import type { Projection } from '../base/expert.js'
import type { Load, LoadRegion, LoadTensor } from '../fabric/control.js'
import { BUFFER_USAGE, ggml } from '../native/ggml.js'
import { preferHugePages } from '../native/huge-pages.js'
import { allocateNative, type NativeBuffer, type Pointer, viewNative } from '../native/memory.js'
import { chooseBufferType, weightBufferTypes } from '../native/weight-buffers.js'
import { PageTable } from '../pages/page-table.js'
import { checkRegion } from './check-region.js'
import { SlotTensors } from './slot-tensors.js'

/**
 * Of one projection; `weight` is [in, out, slots], `bias` [out, slots], `scale` [slots]. `slots` are
 * there for layouts in which many rows of one slot are faster as a matrix product of their own.
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

/** The fused matrix kernels take three dimensions for granted, so there are never fewer slots. */
const SLOTS_MIN = 2
const TYPE_F32 = 0
const PROGRESS_BYTES = 64 << 20

type Target = {
  readonly tensor: Pointer
  readonly address: Pointer
  readonly slotBytes: number
  /** Memory this process can write itself. */
  readonly isHost: boolean
  /** Layouts of the CPU backend's own only take whole tensors, so a slot poses as one. */
  readonly isRepacked: boolean
}

export class PageStore {
  readonly regions: readonly RegionPages[]
  pages = 0
  bytes = 0
  readonly #device: Pointer
  readonly #bufferTypes: readonly Pointer[]
  readonly #context: Pointer
  readonly #files: readonly number[]
  readonly #onProgress: (pages: number, bytes: number) => void
  #staging: NativeBuffer = allocateNative(4096)
  #reportedBytes = 0

  /**
   * @throws SputnikError FRAME_INVALID, OUT_OF_MEMORY, REGION_UNKNOWN, GGUF_INVALID, FILE_NOT_FOUND
   */
  constructor(
    load: Load,
    { device, onProgress }: { device: Pointer; onProgress: (p: number, b: number) => void },
  ) {
    for (const region of load.regions) checkRegion(region, load.files.length)
    this.#device = device
    this.#onProgress = onProgress
    this.#bufferTypes = weightBufferTypes(device)
    const tensors = load.regions.reduce((sum, region) => sum + region.tensors.length, 0)
    this.#context = ggml().init({
      mem_size: (tensors + 16) * ggml().tensorOverhead(),
      mem_buffer: null,
      no_alloc: true,
    })
    this.#files = load.files.map(openFile)
    this.regions = load.regions.map((region) => this.#loadRegion(region))
    for (const file of this.#files) closeSync(file)
    this.#staging = allocateNative(64)
  }

  #loadRegion(region: LoadRegion): RegionPages {
    const table = new PageTable(region.experts)
    for (const expert of region.pages) table.map(expert)
    const projections = new Map<Projection, ProjectionTensors>()
    for (const tensor of region.tensors) {
      const entry = projections.get(tensor.role) ?? {}
      projections.set(tensor.role, entry)
      if (region.pages.length === 0) continue
      const made = this.#allocate(tensor, slotCount(region))
      entry[tensor.kind] = made
      const isRepacked = this.#targets.get(made)?.isRepacked === true
      if (tensor.kind === 'weight' && isRepacked) entry.slots = new SlotTensors(made)
      this.#fill(made, { tensor, region })
    }
    this.pages += region.pages.length
    return { region, table, projections }
  }

  /** A tensor with room for all slots of this card. */
  #allocate(tensor: LoadTensor, slots: number): Pointer {
    const api = ggml()
    const [ne0 = 1, ne1 = 1] = tensor.shape
    const made =
      tensor.kind === 'weight'
        ? api.newTensor3d(this.#context, tensor.typeId, ne0, ne1, slots)
        : tensor.kind === 'bias'
          ? api.newTensor2d(this.#context, TYPE_F32, ne0, slots)
          : api.newTensor2d(this.#context, TYPE_F32, 1, slots)
    const type = this.#bufferTypeFor(tensor, [ne0, ne1, slots])
    const bytes = Number(api.bufferTypeAllocSize(type, made))
    const buffer = api.bufferTypeAllocate(type, bytes)
    if (buffer === null) {
      throw new SputnikError('OUT_OF_MEMORY', `no memory for ${bytes} bytes of ${tensor.name}`)
    }
    if (isProcessMemory(type)) preferHugePages(api.bufferBase(buffer), bytes)
    api.bufferSetUsage(buffer, BUFFER_USAGE.weights)
    api.tensorPlace(buffer, made, api.bufferBase(buffer))
    this.#targets.set(made, this.#targetOf(made, { type, buffer, slots }))
    return made
  }

  readonly #targets = new Map<Pointer, Target & { buffer: Pointer }>()

  #bufferTypeFor(tensor: LoadTensor, shape: readonly [number, number, number]): Pointer {
    if (tensor.kind !== 'weight') return ggml().deviceBufferType(this.#device)
    const weight = { typeId: tensor.typeId, shape }
    const type = chooseBufferType(this.#device, { types: this.#bufferTypes, weight })
    if (type !== undefined) return type
    const name = ggml().typeName(tensor.typeId)
    throw new SputnikError('REGION_UNKNOWN', `the card cannot multiply ${tensor.name} (${name})`)
  }

  #targetOf(
    tensor: Pointer,
    { type, buffer, slots }: { type: Pointer; buffer: Pointer; slots: number },
  ): Target & { buffer: Pointer } {
    const isHost = ggml().bufferTypeIsHost(type)
    return {
      tensor,
      buffer,
      address: ggml().bufferBase(buffer),
      slotBytes: Number(ggml().nbytes(tensor)) / slots,
      isHost,
      isRepacked: !isHost && isProcessMemory(type),
    }
  }

  #fill(made: Pointer, { tensor, region }: { tensor: LoadTensor; region: LoadRegion }): void {
    const target = defined(this.#targets.get(made), 'memory of a tensor')
    region.pages.forEach((expert, slot) => {
      const source = tensor.offset + expert * tensor.sliceBytes
      this.#place(target, { tensor, at: slot * target.slotBytes, source })
      this.#note(tensor.sliceBytes)
    })
    // Slots without a page must hold numbers all the same: nothing reads them, but kernels may.
    if (target.isHost) zeroBehind(target, region.pages.length)
  }

  #place(
    target: Target & { buffer: Pointer },
    { tensor, at, source }: { tensor: LoadTensor; at: number; source: number },
  ): void {
    const bytes = tensor.sliceBytes
    if (target.isHost) {
      this.#read(viewNative(target.address + BigInt(at), bytes), { tensor, source })
      return
    }
    if (this.#staging.bytes.length < bytes) this.#staging = allocateNative(bytes)
    this.#read(this.#staging.bytes.subarray(0, bytes), { tensor, source })
    if (target.isRepacked) this.#repack(target, { tensor, at })
    else ggml().tensorSet(target.tensor, this.#staging.address, at, bytes)
  }

  #repack(
    target: Target & { buffer: Pointer },
    { tensor, at }: { tensor: LoadTensor; at: number },
  ): void {
    const api = ggml()
    const context = api.init({
      mem_size: 2 * api.tensorOverhead(),
      mem_buffer: null,
      no_alloc: true,
    })
    const [ne0 = 1, ne1 = 1] = tensor.shape
    const slot = api.newTensor2d(context, tensor.typeId, ne0, ne1)
    api.tensorPlace(target.buffer, slot, target.address + BigInt(at))
    api.tensorSet(slot, this.#staging.address, 0, tensor.sliceBytes)
    api.free(context)
  }

  #read(into: Uint8Array, { tensor, source }: { tensor: LoadTensor; source: number }): void {
    const file = defined(this.#files[tensor.file], 'file of a tensor')
    let done = 0
    while (done < into.length) {
      const got = readSync(file, into, done, into.length - done, source + done)
      if (got === 0) throw new SputnikError('GGUF_INVALID', `the file ends inside ${tensor.name}`)
      done += got
    }
  }

  #note(bytes: number): void {
    this.bytes += bytes
    if (this.bytes - this.#reportedBytes < PROGRESS_BYTES) return
    this.#reportedBytes = this.bytes
    this.#onProgress(this.pages, this.bytes)
  }
}

/** Plain memory of this process, or such in a layout of the CPU backend's own. */
function isProcessMemory(type: Pointer): boolean {
  return ggml().bufferTypeIsHost(type) || ggml().bufferTypeName(type).startsWith('CPU')
}

function slotCount(region: LoadRegion): number {
  return Math.max(SLOTS_MIN, region.pages.length)
}

function openFile(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (cause) {
    throw new SputnikError('FILE_NOT_FOUND', `the card cannot read ${path}`, {}, cause)
  }
}

function zeroBehind(target: Target, pages: number): void {
  const all = Number(ggml().nbytes(target.tensor))
  const used = pages * target.slotBytes
  assert(used <= all, 'more pages than slots')
  if (used < all) viewNative(target.address + BigInt(used), all - used).fill(0)
}
