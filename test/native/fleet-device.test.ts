import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { FleetDevice } from '../../src/native/fleet-device.js'
import { DEVICE_TYPE, ggml } from '../../src/native/ggml.js'
import { libraries, loadLibraries } from '../../src/native/library.js'
import { allocateNative, type Pointer, viewNative } from '../../src/native/memory.js'
import type { ParsedRegion } from '../../src/native/region-parser.js'
import { readTensor, tensorData } from '../../src/native/tensor.js'
import { promptOf } from '../engine/support.js'
import { testModel } from '../support/models.js'
import { logitsOf, openFleet } from './support.js'

loadLibraries('cpu')

/** Writes zeros as the sums of a region. */
function writeZeros(region: ParsedRegion): void {
  const output = readTensor(region.tensors.output)
  viewNative(tensorData(output.address), output.ne[1] * output.nb[1]).fill(0)
}

test('FleetDevice gives every region of every step to its function', () => {
  const seen: string[] = []
  const { runtime, device } = openFleet(testModel('olmoe'), {
    isRemote: true,
    compute: (region) => {
      const { record, tensors } = region
      seen.push(`${record.layer}:${readTensor(tensors.ids).ne}`)
      assert.equal(readTensor(tensors.input).ne[2], readTensor(tensors.ids).ne[1])
      writeZeros(region)
    },
  })
  seen.length = 0
  const before = device.regionCount
  logitsOf(runtime, [promptOf(5), [1], [2]])
  // The last layer computes only tokens whose logits are wanted.
  const ofStep = (tokens: number) => [`0:3,${tokens},1,1`, '1:3,1,1,1']
  assert.deepEqual(seen, [...ofStep(5), ...ofStep(1), ...ofStep(1)])
  assert.equal(device.regionCount - before, 6)
  assert.equal(device.takeError(), undefined)
  runtime.free()
})

test('FleetDevice fails the step when its function throws, and goes on afterwards', () => {
  let isBroken = false
  const { runtime, device } = openFleet(testModel('olmoe'), {
    isRemote: true,
    compute: (region) => {
      if (isBroken) throw new Error('no card')
      writeZeros(region)
    },
  })
  isBroken = true
  assert.throws(() => logitsOf(runtime, [promptOf(5)]), { code: 'NATIVE_FAILED' })
  assert.match(String(device.takeError()), /no card/)
  assert.equal(device.takeError(), undefined)
  isBroken = false
  runtime.context.clearMemory()
  assert.equal(logitsOf(runtime, [promptOf(5)]).length, 1)
  assert.equal(device.takeError(), undefined)
  runtime.free()
})

test('FleetDevice serves one context after the other', () => {
  for (let round = 0; round < 3; round++) {
    const { runtime } = openFleet(testModel('olmoe'), { isRemote: true, compute: writeZeros })
    logitsOf(runtime, [promptOf(20), [1], promptOf(3), [2]])
    runtime.free()
  }
})

/** Lines of /proc/self/status, in bytes. */
function memoryOf(field: string): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync('/proc/self/status', 'utf8'),
  )
  return 1024 * Number(line?.[1])
}

test('remote buffers take address space and no memory', {
  skip: process.platform !== 'linux',
}, () => {
  const device = new FleetDevice({ expertsUsed: [2], compute: () => {} })
  const bytes = 2 ** 40
  const before = { resident: memoryOf('VmRSS'), size: memoryOf('VmSize') }
  const buffer = defined(ggml().bufferTypeAllocate(device.remoteBufferType, bytes), 'a buffer')
  assert.ok(memoryOf('VmSize') - before.size >= bytes)
  const context = ggml().init({ mem_size: 1 << 16, mem_buffer: null, no_alloc: true })
  const tensor = ggml().newTensor3d(context, 0, 1 << 20, 1 << 10, 128)
  ggml().tensorPlace(buffer, tensor, ggml().bufferBase(buffer))
  ggml().tensorSet(tensor, new Uint8Array(64), 0, 64)
  assert.equal(device.takeError(), undefined)
  ggml().tensorGet(tensor, new Uint8Array(64), 0, 64)
  assert.match(String(device.takeError()), /expert bytes were read/)
  assert.ok(memoryOf('VmRSS') - before.resident < 64 << 20)
  ggml().bufferFree(buffer)
  ggml().free(context)
  assert.ok(memoryOf('VmSize') - before.size < bytes)
})

test('remote buffers report address space that cannot be had', () => {
  const device = new FleetDevice({ expertsUsed: [2], compute: () => {} })
  assert.equal(ggml().bufferTypeAllocate(device.remoteBufferType, 2 ** 52), null)
  assert.match(String(device.takeError()), /no address space/)
})

/** What to put between the two products of a hand-made graph. */
type Between = (context: Pointer, hidden: Pointer) => Pointer

const same: Between = (_, tensor) => tensor

function leakyRelu(context: Pointer, tensor: Pointer): Pointer {
  const prototype = 'void *ggml_leaky_relu(void *c, void *a, float slope, bool inplace)'
  return libraries().base.func(prototype)(context, tensor, 0.1, false) as Pointer
}

/**
 * A graph as `build_moe_ffn` makes it, with something of the test's own between the products, split
 * by ggml's scheduler for the fleet and the CPU.
 */
function splitGraph(device: FleetDevice, between: Between, behind: Between = same): void {
  const api = ggml()
  const c = api.init({ mem_size: 1 << 20, mem_buffer: null, no_alloc: true })
  const { up, down } = remoteWeights(device, c)
  const input = (tensor: Pointer) => {
    api.setInput(tensor)
    return tensor
  }
  const x = input(api.newTensor3d(c, 0, 64, 1, 4))
  const ids = input(api.newTensor2d(c, 26, 2, 4))
  const hidden = between(c, api.mulMatId(c, up, x, ids))
  const out = behind(c, api.mulMatId(c, down, hidden, ids))
  const pick = (slot: number) => api.view2d(c, out, 64, 4, 64 * 4 * 2, slot * 64 * 4)
  const sum = api.add(c, pick(0), pick(1))
  const graph = api.newGraph(c, 64, false)
  api.expandGraph(graph, sum)
  schedule(device, graph)
  api.free(c)
}

function remoteWeights(device: FleetDevice, context: Pointer): { up: Pointer; down: Pointer } {
  const api = ggml()
  const buffer = defined(api.bufferTypeAllocate(device.remoteBufferType, 1 << 20), 'a buffer')
  api.bufferSetUsage(buffer, 1)
  const place = (name: string, offset: bigint): Pointer => {
    const tensor = api.newTensor3d(context, 0, 64, 64, 4)
    api.setName(tensor, name)
    api.tensorPlace(buffer, tensor, api.bufferBase(buffer) + offset)
    return tensor
  }
  return {
    up: place('blk.7.ffn_up_exps.weight', 0n),
    down: place('blk.7.ffn_down_exps.weight', 1n << 19n),
  }
}

/** Cuts a graph as libllama's scheduler does when it reserves memory. */
function schedule(device: FleetDevice, graph: Pointer): void {
  const { base } = libraries()
  const api = ggml()
  const cpu = defined(api.deviceByType(DEVICE_TYPE.cpu), 'the CPU')
  const backends = [device.device, cpu].map((one) =>
    defined(api.deviceInit(one, null), 'a backend'),
  )
  const list = allocateNative(16)
  backends.forEach((backend, i) => {
    list.view.setBigUint64(8 * i, backend, true)
  })
  const make = base.func(
    'void *ggml_backend_sched_new(void *backends, void *types, int n, size_t size, bool parallel, bool offload)',
  )
  const sched = make(list.address, null, 2, 256, false, false) as Pointer
  base.func('bool ggml_backend_sched_reserve(void *sched, void *graph)')(sched, graph)
  base.func('void ggml_backend_sched_free(void *sched)')(sched)
}

test('FleetDevice describes a graph made by hand', () => {
  const device = new FleetDevice({ expertsUsed: [2], compute: () => {} })
  splitGraph(device, (c, hidden) => ggml().sqr(c, hidden))
  assert.deepEqual(device.unknown, [])
  assert.deepEqual(
    device.records.map(({ layer, activation }) => ({ layer, activation })),
    [{ layer: 7, activation: [{ op: 'sqr', x: 1 }] }],
  )
})

test('FleetDevice says that something is in the way behind the second product', () => {
  const device = new FleetDevice({ expertsUsed: [2], compute: () => {} })
  splitGraph(device, same, leakyRelu)
  assert.match(device.unknown[0]?.message ?? '', /after the second product/)
})

const UNKNOWN: Readonly<Record<string, Between>> = {
  LEAKY_RELU: leakyRelu,
  NORM: (c, hidden) =>
    libraries().base.func('void *ggml_norm(void *c, void *a, float eps)')(
      c,
      hidden,
      1e-5,
    ) as Pointer,
}

for (const [op, between] of Object.entries(UNKNOWN)) {
  test(`FleetDevice names the operation and the layer it does not understand: ${op}`, () => {
    const device = new FleetDevice({ expertsUsed: [2], compute: () => {} })
    splitGraph(device, between)
    assert.deepEqual(device.records, [])
    const [first] = device.unknown
    assert.equal(first?.layer, 7)
    assert.equal(first?.op, op)
    assert.match(first?.message ?? '', new RegExp(op))
    assert.equal(device.takeError(), undefined)
  })
}
