import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACTIVATION_STEPS_MAX, type ExpertRecord } from '../../src/base/expert.js'
import {
  controlFrame,
  failedSchema,
  helloSchema,
  type Load,
  loadSchema,
  readControl,
  recordsSchema,
} from '../../src/fabric/control.js'
import { FRAME, HEADER_BYTES, readHeader } from '../../src/fabric/frame.js'

const RECORD: ExpertRecord = {
  layer: 1,
  group: '',
  nEmbd: 256,
  nOut: 256,
  nFf: 384,
  nExpert: 8,
  nUsed: 3,
  projections: [
    { role: 'gate', hasScale: false, hasBias: false, precision: [0, 0] },
    { role: 'up', hasScale: true, hasBias: true, precision: [10, 0] },
    { role: 'down', hasScale: false, hasBias: false, precision: [0, 0] },
  ],
  activation: [
    { op: 'clamp', x: 0, min: -Infinity, max: 7 },
    { op: 'clamp', x: 1, min: -7.5, max: Infinity },
    { op: 'scale', x: 2, scale: 1.702, bias: 0 },
    { op: 'unary', fn: 'SIGMOID', x: 4 },
    { op: 'glu', fn: 'SWIGLU_OAI', gate: 2, up: 3, alpha: 1.5, limit: 7 },
    { op: 'mul', a: 5, b: 3 },
    { op: 'sqr', x: 7 },
  ],
  weights: 'after',
}

const LOAD: Load = {
  files: ['/models/a.gguf'],
  device: 'cpu',
  threads: 2,
  regions: [
    {
      layer: 0,
      group: '',
      experts: 8,
      tensors: [
        {
          name: 'blk.0.ffn_up_exps.weight',
          role: 'up',
          kind: 'weight',
          typeId: 0,
          shape: [256, 384, 8],
          sliceBytes: 393216,
          file: 0,
          offset: 4096,
        },
      ],
      pages: [0, 3, 7],
    },
  ],
}

function sent(message: unknown): Uint8Array {
  return controlFrame(FRAME.records, message).bytes
}

test('readControl gives back records with open clamps', () => {
  const frame = sent({ records: [RECORD] })
  assert.deepEqual(readControl(frame, recordsSchema), { records: [RECORD] })
})

test('controlFrame writes a header that fits its payload', () => {
  const frame = controlFrame(FRAME.load, { text: 'größer' })
  const header = readHeader(frame.view)
  assert.equal(header.kind, FRAME.load)
  assert.equal(header.payloadBytes, frame.bytes.length - HEADER_BYTES)
})

test('loadSchema takes what a head sends', () => {
  assert.deepEqual(readControl(sent(LOAD), loadSchema), LOAD)
})

/** A copy of a message with one field, named by its path, replaced. */
function changed(message: object, path: string, value: unknown): object {
  const copy = structuredClone(message) as Record<string, unknown>
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  let at: Record<string, unknown> = copy
  for (const key of keys) at = at[key] as Record<string, unknown>
  if (value === undefined) delete at[last]
  else at[last] = value
  return copy
}

const step = { op: 'sqr', x: 0 }
const WRONG_RECORDS: ReadonlyArray<[path: string, value: unknown]> = [
  ['layer', -1],
  ['layer', 4097],
  ['layer', 1.5],
  ['group', 'x'],
  ['nEmbd', 0],
  ['nEmbd', 2 ** 20 + 1],
  ['nOut', Number.NaN],
  ['nFf', '384'],
  ['nExpert', 1025],
  ['nUsed', 0],
  ['weights', 'twice'],
  ['projections', []],
  ['projections', undefined],
  ['projections.0.role', 'side'],
  ['projections.0.precision', [0]],
  ['projections.0.precision', [256, 0]],
  ['activation', new Array(ACTIVATION_STEPS_MAX + 1).fill(step)],
  ['activation.0.op', 'system'],
  ['activation.0.min', 'nothing'],
  ['activation.0.min', Number.NaN],
  ['activation.2.scale', Infinity],
  ['activation.3.fn', 'XIELU'],
  ['activation.3.fn', '__proto__'],
  ['activation.4.fn', 'SWIGLU_NEW'],
  ['activation.5.a', ACTIVATION_STEPS_MAX + 2],
  ['activation.5.a', -1],
]

for (const [path, value] of WRONG_RECORDS) {
  test(`recordsSchema refuses ${path} = ${JSON.stringify(value)?.slice(0, 40)}`, () => {
    const frame = sent({ records: [changed(RECORD, path, value)] })
    assert.throws(() => readControl(frame, recordsSchema), { code: 'FRAME_INVALID' })
  })
}

const WRONG_LOADS: ReadonlyArray<[path: string, value: unknown]> = [
  ['files.0', 'x'.repeat(4097)],
  ['threads', 0],
  ['threads', 513],
  ['device', 'd'.repeat(65)],
  ['regions.0.experts', 0],
  ['regions.0.experts', 1025],
  ['regions.0.pages', [1024]],
  ['regions.0.pages', [-1]],
  ['regions.0.tensors', []],
  ['regions.0.tensors.0.typeId', 256],
  ['regions.0.tensors.0.shape', [0, 1]],
  ['regions.0.tensors.0.shape', [1, 1, 1, 1, 1]],
  ['regions.0.tensors.0.offset', 2 ** 53],
  ['regions.0.tensors.0.offset', -1],
  ['regions.0.tensors.0.sliceBytes', 0.5],
]

for (const [path, value] of WRONG_LOADS) {
  test(`loadSchema refuses ${path} = ${JSON.stringify(value).slice(0, 40)}`, () => {
    const frame = sent(changed(LOAD, path, value))
    assert.throws(() => readControl(frame, loadSchema), { code: 'FRAME_INVALID' })
  })
}

test('readControl refuses what is not JSON, in few words', () => {
  const frame = sent({})
  for (const text of ['', '{', 'null', '[]', '"x"']) {
    const bytes = new Uint8Array([...frame.slice(0, HEADER_BYTES), ...Buffer.from(text)])
    assert.throws(() => readControl(bytes, helloSchema), { code: 'FRAME_INVALID' })
  }
  const many = sent({ records: new Array(5000).fill({}) })
  assert.throws(
    () => readControl(many, recordsSchema),
    (error: Error) => error.message.length < 1000,
  )
})

test('failedSchema knows only the codes of the error table', () => {
  const report = { code: 'FILE_NOT_FOUND', message: 'gone', details: { path: '/x', at: 3 } }
  assert.deepEqual(readControl(sent(report), failedSchema), report)
  assert.throws(() => readControl(sent({ ...report, code: 'NEW' }), failedSchema), {
    code: 'FRAME_INVALID',
  })
})
