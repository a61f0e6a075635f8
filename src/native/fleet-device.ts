/**
 * The fleet as a ggml backend device: ggml's scheduler hands each layer's expert region to it as
 * one split. Knows nothing of cards; whoever computes a region is given to it.
 */
import { type ExpertRecord, regionKey } from '../base/expert.js'
import { type DeviceBehaviour, makeDevice } from './device-tables.js'
import { cpuDevice, ggml, STATUS } from './ggml.js'
import { allocateNative, NULL, type Pointer, viewNative } from './memory.js'
import { opNames } from './op-names.js'
import { type ParsedRegion, parseRegions, UnknownRegion } from './region-parser.js'
import { REGION_OPS, RegionValues } from './region-values.js'
import { makeRemoteBufferType } from './remote-buffers.js'
import { bufferTypeOf, firstNode, graphNodes, opOf, readTensor } from './tensor.js'

export type FleetDeviceOptions = {
  /** Numbers of experts per token that the layers of the model use. */
  readonly expertsUsed: readonly number[]
  /**
   * Who computes regions: a CPU backend of this process, which then does it without a detour, or a
   * function that gets each region of a split.
   */
  readonly compute: { readonly backend: Pointer } | ((region: ParsedRegion) => void)
}

export class FleetDevice {
  /**
   * Whether regions are taken from the trunk's graph. Off, the library computes them with the trunk
   * in one go, which saves two splits per layer; graphs cut later follow a change.
   */
  isCapturing = true
  readonly device: Pointer
  /** Buffer type of expert tensors whose bytes the head does not hold. */
  readonly remoteBufferType: Pointer
  readonly #values: RegionValues
  readonly #regionOps: Uint8Array
  readonly #localTypes = new Map<Pointer, boolean>()
  readonly #splits = new Map<Pointer, readonly ParsedRegion[]>()
  readonly #records = new Map<string, ExpertRecord>()
  /** By layer: a split with the second product says more than the one before it. */
  readonly #unknown = new Map<number | undefined, UnknownRegion>()
  #error: unknown
  #regionCount = 0

  constructor(options: FleetDeviceOptions) {
    const names = opNames()
    this.#values = new RegionValues(names, new Set(options.expertsUsed))
    this.#regionOps = Uint8Array.from({ length: 256 }, (_, id) =>
      REGION_OPS.includes(names.op(id)) ? 1 : 0,
    )
    this.device = makeDevice({
      name: 'fleet',
      description: 'experts on cards',
      bufferType: hostBufferType(),
      supportsOp: (op) => this.#guard(() => this.#supportsOp(op), false),
      supportsType: (type) => this.#supportsType(type),
      optimize: (graph) => this.#guard(() => this.#optimize(graph), undefined),
      compute: this.#computeWith(options.compute),
    })
    this.remoteBufferType = makeRemoteBufferType(this.device, (error) => {
      this.#error ??= error
    })
  }

  /** Records of all regions seen so far; complete once a context has reserved its graphs. */
  get records(): readonly ExpertRecord[] {
    return [...this.#records.values()]
  }

  /** Regions that no record can describe, one for each layer. */
  get unknown(): readonly UnknownRegion[] {
    return [...this.#unknown.values()]
  }

  /** Regions given to a function so far. */
  get regionCount(): number {
    return this.#regionCount
  }

  /** The error behind the last failed step, once. */
  takeError(): unknown {
    const error = this.#error
    this.#error = undefined
    return error
  }

  /** An exception must not reach C, where it would read as success. */
  #guard<T>(run: () => T, otherwise: T): T {
    try {
      return run()
    } catch (error) {
      this.#error ??= error
      return otherwise
    }
  }

  #supportsType(type: Pointer): boolean {
    if (type === this.remoteBufferType) return true
    const known = this.#localTypes.get(type)
    if (known !== undefined) return known
    // Repacked weights are not host memory to ggml, but the CPU of this process computes with them.
    const isLocal = ggml().bufferTypeIsHost(type) || ggml().bufferTypeName(type).startsWith('CPU')
    this.#localTypes.set(type, isLocal)
    return isLocal
  }

  #supportsOp(op: Pointer): boolean {
    if (!this.isCapturing) return false
    if (this.#regionOps[opOf(op)] !== 1) return false
    if (this.#values.kind(op) !== 'outside') return true
    // Whatever lies in the remote buffer must be accepted, or ggml gives up the process.
    const tensor = readTensor(op)
    const owner = tensor.viewSource === NULL ? tensor : readTensor(tensor.viewSource)
    return owner.buffer !== NULL && bufferTypeOf(owner.buffer) === this.remoteBufferType
  }

  #optimize(graph: Pointer): void {
    const nodes = graphNodes(graph)
    const key = nodes[0]
    if (key !== undefined) this.#splits.set(key, this.#parse(nodes))
    this.#values.forget()
  }

  #parse(nodes: readonly Pointer[]): readonly ParsedRegion[] {
    try {
      const regions = parseRegions(nodes, { values: this.#values, names: opNames() })
      for (const { record } of regions) this.#records.set(regionKey(record), record)
      return regions
    } catch (error) {
      if (!(error instanceof UnknownRegion)) throw error
      this.#unknown.set(error.layer, error)
      return []
    }
  }

  #computeWith(compute: FleetDeviceOptions['compute']): DeviceBehaviour['compute'] {
    if (typeof compute !== 'function') return compute
    return (graph) => this.#guard(() => this.#computeRegions(graph, compute), STATUS.failed)
  }

  #computeRegions(graph: Pointer, compute: (region: ParsedRegion) => void): number {
    const first = firstNode(graph)
    const regions = first === undefined ? undefined : this.#splits.get(first)
    if (regions === undefined) throw new Error('a split was not announced before its computation')
    for (const region of regions) {
      compute(region)
      this.#regionCount++
    }
    return STATUS.success
  }
}

const BUFFER_TYPE_BYTES = 64

/**
 * A copy of the CPU's own buffer type under another address: native code behind it, host memory in
 * it, but not "the CPU's", so that ggml does not offer the device every node of the trunk.
 */
function hostBufferType(): Pointer {
  const cpu = cpuDevice()
  const copy = allocateNative(BUFFER_TYPE_BYTES)
  copy.bytes.set(viewNative(ggml().deviceBufferType(cpu), BUFFER_TYPE_BYTES))
  return copy.address
}
