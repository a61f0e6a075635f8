/**
 * Builds the C structs of a ggml backend device whose behaviour is written in TypeScript
 * (ggml-backend-impl.h, API version 2). Knows nothing of experts.
 */
import { DEVICE_TYPE } from './ggml.js'
import { allocateNative, NULL, nativeString, type Pointer, viewNative } from './memory.js'
import { RELEASE } from './release.js'
import { callback, tableStruct } from './vtable.js'

export type DeviceBehaviour = {
  readonly name: string
  readonly description: string
  /** Buffer type of what the device computes. */
  readonly bufferType: Pointer
  supportsOp(op: Pointer): boolean
  supportsType(type: Pointer): boolean
  /** Sees every split when a graph is cut, before memory is given to its tensors. */
  optimize(graph: Pointer): void
  /** Computes a split and returns ggml_status, or a native backend that does so by itself. */
  readonly compute: ((graph: Pointer) => number) | { readonly backend: Pointer }
}

const DEVICE_BYTES = 136
const BACKEND_BYTES = 152
const BACKEND_TABLE_BYTES = 144
const REGISTRY_BYTES = 48
/** In struct ggml_backend: the 13th function behind the id, and the field behind the device. */
const GRAPH_COMPUTE_OFFSET = 8 + 12 * 8
const CONTEXT_OFFSET = 8 + 16 * 8 + 8
const PROPERTIES_BYTES = 56

/** A `ggml_backend_dev_t` that lives until the process ends. */
export function makeDevice(behaviour: DeviceBehaviour): Pointer {
  const device = allocateNative(DEVICE_BYTES)
  const name = nativeString(behaviour.name)
  const description = nativeString(behaviour.description)
  const backendTable = makeBackendTable(device.address, behaviour)
  const struct = tableStruct(
    [
      ['void *(*)(void *dev)', () => name],
      ['void *(*)(void *dev)', () => description],
      ['void (*)(void *dev, void *free, void *total)', writeMemory],
      ['int (*)(void *dev)', () => DEVICE_TYPE.gpu],
      ['void (*)(void *dev, void *props)', propertiesWriter(name, description)],
      ['void *(*)(void *dev, void *params)', () => makeBackend(backendTable, behaviour.compute)],
      ['void *(*)(void *dev)', () => behaviour.bufferType],
      null, // get_host_buffer_type
      null, // buffer_from_host_ptr
      ['bool (*)(void *dev, void *op)', (_: Pointer, op: Pointer) => behaviour.supportsOp(op)],
      ['bool (*)(void *dev, void *t)', (_: Pointer, type: Pointer) => behaviour.supportsType(type)],
      ['bool (*)(void *dev, void *op)', () => false], // offload_op
      null, // event_new
      null, // event_free
      null, // event_synchronize
    ],
    [makeRegistry(behaviour.name, device.address), NULL],
  )
  device.bytes.set(viewNative(struct, DEVICE_BYTES))
  return device.address
}

function makeRegistry(name: string, device: Pointer): Pointer {
  const text = nativeString(name)
  const registry = allocateNative(REGISTRY_BYTES)
  registry.view.setInt32(0, RELEASE.backendApiVersion, true)
  const entries = [
    callback('void *(*)(void *reg)', () => text),
    callback('size_t (*)(void *reg)', () => 1),
    callback('void *(*)(void *reg, size_t index)', () => device),
    callback('void *(*)(void *reg, void *name)', () => NULL),
  ]
  entries.forEach((entry, index) => {
    registry.view.setBigUint64(8 + 8 * index, entry, true)
  })
  return registry.address
}

/** Table of a backend, then its device and context: the tail of `struct ggml_backend`. */
function makeBackendTable(device: Pointer, behaviour: DeviceBehaviour): Pointer {
  const name = nativeString(behaviour.name)
  const { compute } = behaviour
  return tableStruct(
    [
      ['void *(*)(void *backend)', () => name],
      ['void (*)(void *backend)', () => {}], // free
      null, // set_tensor_async
      null, // get_tensor_async
      null, // set_tensor_2d_async
      null, // get_tensor_2d_async
      null, // cpy_tensor_async
      null, // synchronize
      null, // graph_plan_create
      null, // graph_plan_free
      null, // graph_plan_update
      null, // graph_plan_compute
      typeof compute === 'function'
        ? ['int (*)(void *backend, void *g)', (_: Pointer, graph: Pointer) => compute(graph)]
        : null, // graph_compute
      null, // event_record
      null, // event_wait
      [
        'void (*)(void *backend, void *g, void *params)',
        (_: Pointer, graph: Pointer) => behaviour.optimize(graph),
      ],
    ],
    [device, NULL],
  )
}

/** Runs inside a native call, where nothing may be registered with koffi. */
function makeBackend(table: Pointer, compute: DeviceBehaviour['compute']): Pointer {
  const guid = allocateNative(16)
  guid.bytes.set(new TextEncoder().encode('sputnik-fleet-01'))
  const backend = allocateNative(BACKEND_BYTES)
  backend.view.setBigUint64(0, guid.address, true)
  backend.bytes.set(viewNative(table, BACKEND_TABLE_BYTES), 8)
  if (typeof compute !== 'function') lendCompute(backend.bytes, compute.backend)
  return backend.address
}

/** Lets native code compute without a detour: its function, and the context it expects. */
function lendCompute(backend: Uint8Array, lender: Pointer): void {
  const source = viewNative(lender, BACKEND_BYTES)
  for (const offset of [GRAPH_COMPUTE_OFFSET, CONTEXT_OFFSET]) {
    backend.set(source.subarray(offset, offset + 8), offset)
  }
}

/** The device has no memory of its own to report. */
function writeMemory(_: Pointer, free: Pointer, total: Pointer): void {
  viewNative(free, 8).fill(0)
  viewNative(total, 8).fill(0)
}

/** struct ggml_backend_dev_props: two names, free, total, type, id, five capability flags. */
function propertiesWriter(name: Pointer, description: Pointer) {
  return (_: Pointer, target: Pointer): void => {
    const bytes = viewNative(target, PROPERTIES_BYTES)
    bytes.fill(0)
    const view = new DataView(bytes.buffer, bytes.byteOffset, PROPERTIES_BYTES)
    view.setBigUint64(0, name, true)
    view.setBigUint64(8, description, true)
    view.setInt32(32, DEVICE_TYPE.gpu, true)
    view.setUint8(52, 1) // mmap_support
  }
}
