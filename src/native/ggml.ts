/**
 * The functions of ggml that sputnik calls, with their C prototypes (ggml.h, ggml-backend.h,
 * ggml-alloc.h of the pinned release). Pointers are bigints; nothing here checks arguments.
 */
import koffi from 'koffi'
import { defined } from '../base/assert.js'
import { libraries } from './library.js'
import type { Pointer } from './memory.js'

type Tensor = Pointer
type Context = Pointer
type NumberLike = number | bigint

/** enum ggml_status */
export const STATUS = { allocFailed: -2, failed: -1, success: 0, aborted: 1 } as const

/** enum ggml_backend_dev_type */
export const DEVICE_TYPE = { cpu: 0, gpu: 1, igpu: 2, accel: 3, meta: 4 } as const

/** enum ggml_backend_buffer_usage */
export const BUFFER_USAGE = { any: 0, weights: 1, compute: 2 } as const

type Ggml = ReturnType<typeof bindGgml>

let bound: Ggml | undefined

/** The bound functions; `loadLibraries` must have run. */
export function ggml(): Ggml {
  bound ??= bindGgml()
  return bound
}

/** The CPU of this process, which every build of the library has. */
export function cpuDevice(): Pointer {
  return defined(ggml().deviceByType(DEVICE_TYPE.cpu), 'CPU device of ggml')
}

function bindGgml() {
  const { base, ggml: registry } = libraries()
  koffi.struct('ggml_init_params', { mem_size: 'size_t', mem_buffer: 'void *', no_alloc: 'bool' })
  const fn = <F>(prototype: string): F => base.func(prototype) as unknown as F
  const reg = <F>(prototype: string): F => registry.func(prototype) as unknown as F
  return {
    // Contexts and tensors
    init: fn<(params: { mem_size: number; mem_buffer: null; no_alloc: boolean }) => Context>(
      'void *ggml_init(ggml_init_params params)',
    ),
    free: fn<(context: Context) => void>('void ggml_free(void *context)'),
    tensorOverhead: fn<() => number>('size_t ggml_tensor_overhead()'),
    graphOverhead: fn<(nodes: number, grads: boolean) => number>(
      'size_t ggml_graph_overhead_custom(size_t nodes, bool grads)',
    ),
    typeSize: fn<(type: number) => number>('size_t ggml_type_size(int type)'),
    blockSize: fn<(type: number) => number>('int64_t ggml_blck_size(int type)'),
    typeName: fn<(type: number) => string>('const char *ggml_type_name(int type)'),
    opName: fn<(op: number) => string>('const char *ggml_op_name(int op)'),
    newTensor1d: fn<(c: Context, type: number, ne0: number) => Tensor>(
      'void *ggml_new_tensor_1d(void *c, int type, int64_t ne0)',
    ),
    newTensor2d: fn<(c: Context, type: number, ne0: number, ne1: number) => Tensor>(
      'void *ggml_new_tensor_2d(void *c, int type, int64_t ne0, int64_t ne1)',
    ),
    newTensor3d: fn<(c: Context, type: number, ne0: number, ne1: number, ne2: number) => Tensor>(
      'void *ggml_new_tensor_3d(void *c, int type, int64_t ne0, int64_t ne1, int64_t ne2)',
    ),
    setName: fn<(tensor: Tensor, name: string) => Tensor>(
      'void *ggml_set_name(void *tensor, const char *name)',
    ),
    nbytes: fn<(tensor: Tensor) => number>('size_t ggml_nbytes(void *tensor)'),

    // Operations
    mulMatId: fn<(c: Context, a: Tensor, b: Tensor, ids: Tensor) => Tensor>(
      'void *ggml_mul_mat_id(void *c, void *a, void *b, void *ids)',
    ),
    mulMat: fn<(c: Context, a: Tensor, b: Tensor) => Tensor>(
      'void *ggml_mul_mat(void *c, void *a, void *b)',
    ),
    addId: fn<(c: Context, a: Tensor, b: Tensor, ids: Tensor) => Tensor>(
      'void *ggml_add_id(void *c, void *a, void *b, void *ids)',
    ),
    add: fn<(c: Context, a: Tensor, b: Tensor) => Tensor>(
      'void *ggml_add(void *c, void *a, void *b)',
    ),
    addInPlace: fn<(c: Context, a: Tensor, b: Tensor) => Tensor>(
      'void *ggml_add_inplace(void *c, void *a, void *b)',
    ),
    mul: fn<(c: Context, a: Tensor, b: Tensor) => Tensor>(
      'void *ggml_mul(void *c, void *a, void *b)',
    ),
    sqr: fn<(c: Context, a: Tensor) => Tensor>('void *ggml_sqr(void *c, void *a)'),
    scaleBias: fn<(c: Context, a: Tensor, scale: number, bias: number) => Tensor>(
      'void *ggml_scale_bias(void *c, void *a, float scale, float bias)',
    ),
    clamp: fn<(c: Context, a: Tensor, min: number, max: number) => Tensor>(
      'void *ggml_clamp(void *c, void *a, float min, float max)',
    ),
    unary: fn<(c: Context, a: Tensor, op: number) => Tensor>(
      'void *ggml_unary(void *c, void *a, int op)',
    ),
    gluSplit: fn<(c: Context, a: Tensor, b: Tensor, op: number) => Tensor>(
      'void *ggml_glu_split(void *c, void *a, void *b, int op)',
    ),
    swigluOai: fn<(c: Context, a: Tensor, b: Tensor, alpha: number, limit: number) => Tensor>(
      'void *ggml_swiglu_oai(void *c, void *a, void *b, float alpha, float limit)',
    ),
    swigluClamp: fn<(c: Context, a: Tensor, b: Tensor, limit: number) => Tensor>(
      'void *ggml_swiglu_clamp(void *c, void *a, void *b, float limit)',
    ),
    getRows: fn<(c: Context, a: Tensor, rows: Tensor) => Tensor>(
      'void *ggml_get_rows(void *c, void *a, void *rows)',
    ),
    setRows: fn<(c: Context, a: Tensor, b: Tensor, rows: Tensor) => Tensor>(
      'void *ggml_set_rows(void *c, void *a, void *b, void *rows)',
    ),
    cont: fn<(c: Context, a: Tensor) => Tensor>('void *ggml_cont(void *c, void *a)'),
    repeat4d: fn<
      (c: Context, a: Tensor, ne0: number, ne1: number, ne2: number, ne3: number) => Tensor
    >('void *ggml_repeat_4d(void *c, void *a, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)'),
    reshape1d: fn<(c: Context, a: Tensor, ne0: number) => Tensor>(
      'void *ggml_reshape_1d(void *c, void *a, int64_t ne0)',
    ),
    reshape2d: fn<(c: Context, a: Tensor, ne0: number, ne1: number) => Tensor>(
      'void *ggml_reshape_2d(void *c, void *a, int64_t ne0, int64_t ne1)',
    ),
    reshape3d: fn<(c: Context, a: Tensor, ne0: number, ne1: number, ne2: number) => Tensor>(
      'void *ggml_reshape_3d(void *c, void *a, int64_t ne0, int64_t ne1, int64_t ne2)',
    ),
    view1d: fn<(c: Context, a: Tensor, ne0: number, offset: NumberLike) => Tensor>(
      'void *ggml_view_1d(void *c, void *a, int64_t ne0, size_t offset)',
    ),
    view2d: fn<
      (
        c: Context,
        a: Tensor,
        ne0: number,
        ne1: number,
        nb1: NumberLike,
        offset: NumberLike,
      ) => Tensor
    >('void *ggml_view_2d(void *c, void *a, int64_t ne0, int64_t ne1, size_t nb1, size_t offset)'),
    view3d: fn<
      (
        c: Context,
        a: Tensor,
        ne0: number,
        ne1: number,
        ne2: number,
        nb1: NumberLike,
        nb2: NumberLike,
        offset: NumberLike,
      ) => Tensor
    >(
      'void *ggml_view_3d(void *c, void *a, int64_t ne0, int64_t ne1, int64_t ne2, size_t nb1, size_t nb2, size_t offset)',
    ),
    setAccumulatorPrecision: fn<(a: Tensor, precision: number) => boolean>(
      'bool ggml_prec_set_acc(void *a, int precision)',
    ),
    setSourcePrecision: fn<(a: Tensor, precision: number, source: number) => boolean>(
      'bool ggml_prec_set_src(void *a, int precision, int source)',
    ),
    setInput: fn<(tensor: Tensor) => void>('void ggml_set_input(void *tensor)'),
    setOutput: fn<(tensor: Tensor) => void>('void ggml_set_output(void *tensor)'),

    // Graphs
    graphMemory: fn<(type: Pointer) => Pointer>('void *ggml_gallocr_new(void *type)'),
    graphMemoryPlace: fn<(memory: Pointer, graph: Pointer) => boolean>(
      'bool ggml_gallocr_alloc_graph(void *memory, void *graph)',
    ),
    graphMemoryBytes: fn<(memory: Pointer, index: number) => number>(
      'size_t ggml_gallocr_get_buffer_size(void *memory, int index)',
    ),
    newGraph: fn<(c: Context, nodes: number, grads: boolean) => Pointer>(
      'void *ggml_new_graph_custom(void *c, size_t nodes, bool grads)',
    ),
    expandGraph: fn<(graph: Pointer, tensor: Tensor) => void>(
      'void ggml_build_forward_expand(void *graph, void *tensor)',
    ),

    // Number formats
    quantize: fn<
      (
        type: number,
        source: Float32Array | Pointer,
        target: Uint8Array | Pointer,
        start: NumberLike,
        rows: NumberLike,
        perRow: NumberLike,
        importance: null,
      ) => number
    >(
      'size_t ggml_quantize_chunk(int type, const void *source, void *target, int64_t start, int64_t rows, int64_t per_row, const float *importance)',
    ),
    dequantizeQ8: fn<
      (source: Uint8Array | Pointer, target: Float32Array | Pointer, elements: NumberLike) => void
    >('void dequantize_row_q8_0(const void *source, void *target, int64_t elements)'),
    toBf16: fn<(source: Pointer, target: Pointer, elements: NumberLike) => void>(
      'void ggml_fp32_to_bf16_row(const void *source, void *target, int64_t elements)',
    ),
    fromBf16: fn<(source: Pointer, target: Pointer, elements: NumberLike) => void>(
      'void ggml_bf16_to_fp32_row(const void *source, void *target, int64_t elements)',
    ),

    // Devices and buffers
    deviceCount: reg<() => number>('size_t ggml_backend_dev_count()'),
    device: reg<(index: number) => Pointer>('void *ggml_backend_dev_get(size_t index)'),
    deviceByType: reg<(type: number) => Pointer | null>('void *ggml_backend_dev_by_type(int type)'),
    deviceByName: reg<(name: string) => Pointer | null>(
      'void *ggml_backend_dev_by_name(const char *name)',
    ),
    deviceName: fn<(device: Pointer) => string>('const char *ggml_backend_dev_name(void *device)'),
    deviceDescription: fn<(device: Pointer) => string>(
      'const char *ggml_backend_dev_description(void *device)',
    ),
    deviceType: fn<(device: Pointer) => number>('int ggml_backend_dev_type(void *device)'),
    deviceMemory: fn<(device: Pointer, free: BigUint64Array, total: BigUint64Array) => void>(
      'void ggml_backend_dev_memory(void *device, void *free, void *total)',
    ),
    deviceRegistry: fn<(device: Pointer) => Pointer>(
      'void *ggml_backend_dev_backend_reg(void *device)',
    ),
    deviceInit: fn<(device: Pointer, parameters: null) => Pointer | null>(
      'void *ggml_backend_dev_init(void *device, const char *parameters)',
    ),
    deviceBufferType: fn<(device: Pointer) => Pointer>(
      'void *ggml_backend_dev_buffer_type(void *device)',
    ),
    deviceSupportsOp: fn<(device: Pointer, op: Tensor) => boolean>(
      'bool ggml_backend_dev_supports_op(void *device, void *op)',
    ),
    procAddress: fn<(registry: Pointer, name: string) => Pointer | null>(
      'void *ggml_backend_reg_get_proc_address(void *registry, const char *name)',
    ),
    bufferTypeName: fn<(type: Pointer) => string>('const char *ggml_backend_buft_name(void *type)'),
    bufferTypeIsHost: fn<(type: Pointer) => boolean>('bool ggml_backend_buft_is_host(void *type)'),
    bufferTypeAllocate: fn<(type: Pointer, bytes: NumberLike) => Pointer | null>(
      'void *ggml_backend_buft_alloc_buffer(void *type, size_t bytes)',
    ),
    bufferTypeAllocSize: fn<(type: Pointer, tensor: Tensor) => number>(
      'size_t ggml_backend_buft_get_alloc_size(void *type, void *tensor)',
    ),
    bufferBase: fn<(buffer: Pointer) => Pointer>(
      'void *ggml_backend_buffer_get_base(void *buffer)',
    ),
    bufferSetUsage: fn<(buffer: Pointer, usage: number) => void>(
      'void ggml_backend_buffer_set_usage(void *buffer, int usage)',
    ),
    bufferFree: fn<(buffer: Pointer) => void>('void ggml_backend_buffer_free(void *buffer)'),
    tensorPlace: fn<(buffer: Pointer, tensor: Tensor, address: Pointer) => number>(
      'int ggml_backend_tensor_alloc(void *buffer, void *tensor, void *address)',
    ),
    tensorSet: fn<
      (tensor: Tensor, data: Pointer | Uint8Array, offset: NumberLike, bytes: NumberLike) => void
    >('void ggml_backend_tensor_set(void *tensor, const void *data, size_t offset, size_t bytes)'),
    tensorGet: fn<
      (tensor: Tensor, data: Pointer | Uint8Array, offset: NumberLike, bytes: NumberLike) => void
    >('void ggml_backend_tensor_get(void *tensor, void *data, size_t offset, size_t bytes)'),
    compute: fn<(backend: Pointer, graph: Pointer) => number>(
      'int ggml_backend_graph_compute(void *backend, void *graph)',
    ),
    backendFree: fn<(backend: Pointer) => void>('void ggml_backend_free(void *backend)'),
  }
}
