/**
 * A ggml buffer type for tensors whose bytes are elsewhere: addresses without memory behind them.
 * Writing such a tensor does nothing, reading one is a defect that is reported.
 */
import koffi from 'koffi'
import { addressSpace } from './address-space.js'
import { libraries } from './library.js'
import { NULL, nativeString, type Pointer } from './memory.js'
import { callback, tableStruct } from './vtable.js'

const TABLE_NAMES = [
  'free_buffer',
  'get_base',
  'init_tensor',
  'memset_tensor',
  'set_tensor',
  'get_tensor',
  'set_tensor_2d',
  'get_tensor_2d',
  'cpy_tensor',
  'clear',
  'reset',
] as const

type Reservation = { readonly base: Pointer; readonly bytes: number }

/**
 * A `ggml_backend_buffer_type_t` named FLEET. `device` may be filled later; it is only stored.
 * `onError` is told when address space runs out or native code asks for bytes that are not here.
 */
export function makeRemoteBufferType(device: Pointer, onError: (error: unknown) => void): Pointer {
  const name = nativeString('FLEET')
  const allocate = remoteAllocator(onError)
  return tableStruct(
    [
      ['void *(*)(void *type)', () => name],
      ['void *(*)(void *type, size_t bytes)', (self: Pointer, bytes) => allocate(self, bytes)],
      ['size_t (*)(void *type)', () => 128], // get_alignment
      null, // get_max_size
      null, // get_alloc_size
      ['bool (*)(void *type)', () => false], // is_host
    ],
    [device, NULL],
  )
}

type Allocator = (type: Pointer, bytes: number) => Pointer

/** An exception must not reach C, which takes NULL for an answer. */
function remoteAllocator(onError: (error: unknown) => void): Allocator {
  const reservations = new Map<Pointer, Reservation>()
  const table = {
    ...Object.fromEntries(TABLE_NAMES.map((entry) => [entry, null])),
    free_buffer: callback('void (*)(void *buffer)', (buffer: Pointer) => {
      const reservation = reservations.get(buffer)
      reservations.delete(buffer)
      if (reservation) addressSpace().release(reservation.base, reservation.bytes)
    }),
    get_base: callback(
      'void *(*)(void *buffer)',
      (buffer: Pointer) => reservations.get(buffer)?.base ?? NULL,
    ),
    memset_tensor: callback(
      'void (*)(void *buffer, void *t, uint8_t value, size_t offset, size_t n)',
      () => {},
    ),
    set_tensor: callback(
      'void (*)(void *buffer, void *t, void *from, size_t offset, size_t n)',
      () => {},
    ),
    get_tensor: callback('void (*)(void *buffer, void *t, void *to, size_t offset, size_t n)', () =>
      onError(new Error('expert bytes were read at the head')),
    ),
    clear: callback('void (*)(void *buffer, uint8_t value)', () => {}),
  }
  const init = bufferInit()
  return (type, size) => {
    const bytes = Math.max(size, 4096)
    try {
      const base = addressSpace().reserve(bytes)
      const buffer = init(type, table, null, bytes)
      reservations.set(buffer, { base, bytes })
      return buffer
    } catch (error) {
      onError(error)
      return NULL
    }
  }
}

type BufferInit = (type: Pointer, table: object, context: null, bytes: number) => Pointer

let init: BufferInit | undefined

function bufferInit(): BufferInit {
  init ??= bindBufferInit()
  return init
}

function bindBufferInit(): BufferInit {
  const members = Object.fromEntries(TABLE_NAMES.map((entry) => [entry, 'void *']))
  koffi.struct('ggml_backend_buffer_i', members)
  return libraries().base.func(
    'void *ggml_backend_buffer_init(void *type, ggml_backend_buffer_i table, void *context, size_t bytes)',
  ) as unknown as BufferInit
}
