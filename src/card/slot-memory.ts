/**
 * The memory of one tensor with a slot per page: makes it, fills slots, gives slots back to the
 * system. Knows nothing of experts and files.
 */
import { SputnikError } from '../base/errors.js'
import type { LoadTensor } from '../fabric/control.js'
import { giveBackMemory } from '../native/advise.js'
import { BUFFER_USAGE, ggml } from '../native/ggml.js'
import { preferHugePages } from '../native/huge-pages.js'
import { type NativeBuffer, type Pointer, viewNative } from '../native/memory.js'
import { chooseBufferType } from '../native/weight-buffers.js'

const TYPE_F32 = 0

export type SlotMemoryOptions = {
  readonly slots: number
  readonly device: Pointer
  /** Layouts of weights to try, best first. */
  readonly bufferTypes: readonly Pointer[]
  /** Memory to gather any slice in; its bytes are only good until the next call. */
  readonly staging: () => NativeBuffer
}

/**
 * A slot that never held a page is never written and takes no memory on the CPU: kernels read only
 * the slots a dispatch names.
 */
export class SlotMemory {
  readonly tensor: Pointer
  /** Layouts of the CPU backend's own only take whole tensors, so a slot poses as one. */
  readonly isRepacked: boolean
  readonly #shape: LoadTensor
  readonly #staging: SlotMemoryOptions['staging']
  readonly #buffer: Pointer
  readonly #address: Pointer
  readonly #slotBytes: number
  /** Memory this process can write itself. */
  readonly #isHost: boolean
  /** Ordinary memory of this process and not, for example, pinned by a driver. */
  readonly #isOwn: boolean
  /** Of slots that were filled before, for as long as the card lives: see `viewNative`. */
  readonly #views: Uint8Array[] = []

  /** @throws SputnikError OUT_OF_MEMORY, REGION_UNKNOWN */
  constructor(context: Pointer, shape: LoadTensor, options: SlotMemoryOptions) {
    const api = ggml()
    const { slots } = options
    this.#shape = shape
    this.#staging = options.staging
    this.tensor = makeTensor(context, { shape, slots })
    const type = bufferTypeFor(shape, options)
    this.#isHost = api.bufferTypeIsHost(type)
    this.#isOwn = api.bufferTypeName(type).startsWith('CPU')
    this.isRepacked = !this.#isHost && this.#isOwn
    this.#buffer = allocate(type, { tensor: this.tensor, name: shape.name })
    this.#address = api.bufferBase(this.#buffer)
    if (this.#isHost || this.#isOwn) {
      preferHugePages(this.#address, Number(api.bufferTypeAllocSize(type, this.tensor)))
    }
    api.bufferSetUsage(this.#buffer, BUFFER_USAGE.weights)
    api.tensorPlace(this.#buffer, this.tensor, this.#address)
    this.#slotBytes = Number(api.nbytes(this.tensor)) / slots
  }

  /** Puts what `read` writes into a slot. */
  fill(slot: number, read: (into: Uint8Array) => void): void {
    const bytes = this.#shape.sliceBytes
    const at = slot * this.#slotBytes
    if (this.#isHost) {
      const view = this.#views[slot] ?? viewNative(this.#address + BigInt(at), bytes)
      this.#views[slot] = view
      read(view)
      return
    }
    const staging = this.#staging()
    read(staging.bytes.subarray(0, bytes))
    if (this.isRepacked) this.#repack(at, staging)
    else ggml().tensorSet(this.tensor, staging.address, at, bytes)
  }

  /** What the slot held is lost; where it can be, its memory goes back to the system. */
  giveBack(slot: number): void {
    if (!this.#isOwn) return
    giveBackMemory(this.#address + BigInt(slot * this.#slotBytes), this.#slotBytes)
  }

  #repack(at: number, staging: NativeBuffer): void {
    const api = ggml()
    const context = api.init({
      mem_size: 2 * api.tensorOverhead(),
      mem_buffer: null,
      no_alloc: true,
    })
    const [ne0 = 1, ne1 = 1] = this.#shape.shape
    const slot = api.newTensor2d(context, this.#shape.typeId, ne0, ne1)
    api.tensorPlace(this.#buffer, slot, this.#address + BigInt(at))
    api.tensorSet(slot, staging.address, 0, this.#shape.sliceBytes)
    api.free(context)
  }
}

type Shape = { readonly shape: LoadTensor; readonly slots: number }

function makeTensor(context: Pointer, { shape, slots }: Shape): Pointer {
  const api = ggml()
  const [ne0 = 1, ne1 = 1] = shape.shape
  if (shape.kind === 'weight') return api.newTensor3d(context, shape.typeId, ne0, ne1, slots)
  return api.newTensor2d(context, TYPE_F32, shape.kind === 'bias' ? ne0 : 1, slots)
}

function bufferTypeFor(
  { kind, typeId, name, shape }: LoadTensor,
  { device, bufferTypes, slots }: SlotMemoryOptions,
): Pointer {
  if (kind !== 'weight') return ggml().deviceBufferType(device)
  const [ne0 = 1, ne1 = 1] = shape
  const weight = { typeId, shape: [ne0, ne1, slots] as const }
  const type = chooseBufferType(device, { types: bufferTypes, weight })
  if (type !== undefined) return type
  throw new SputnikError(
    'REGION_UNKNOWN',
    `the card cannot multiply ${name} (${ggml().typeName(typeId)})`,
  )
}

function allocate(type: Pointer, { tensor, name }: { tensor: Pointer; name: string }): Pointer {
  const bytes = Number(ggml().bufferTypeAllocSize(type, tensor))
  const buffer = ggml().bufferTypeAllocate(type, bytes)
  if (buffer !== null) return buffer
  throw new SputnikError('OUT_OF_MEMORY', `no memory for ${bytes} bytes of ${name}`)
}
