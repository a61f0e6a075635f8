import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import type { ExpertRecord } from '../../src/base/expert.js'
import { checkCapacity, checkRecord, checkRegion } from '../../src/card/check-region.js'
import type { LoadRegion, LoadTensor } from '../../src/fabric/control.js'
import { ARCHITECTURES, testModel } from '../support/models.js'
import { loadOf, recordOf } from './support.js'

const ALL = ['gate', 'up', 'gate_up', 'down'].flatMap((role) =>
  ['weight', 'bias', 'scale'].map((kind) => `${role}.${kind}`),
)

function sample(architecture: string): { region: LoadRegion; record: ExpertRecord } {
  const load = loadOf(testModel(architecture), { tensors: ALL, pages: [0, 3, 7] })
  const record = recordOf(load, { activation: [{ op: 'sqr', x: 1 }], weights: 'after' })
  return { region: defined(load.regions[0], 'region'), record }
}

for (const architecture of ARCHITECTURES) {
  test(`checkRegion and checkRecord take what a file says: ${architecture}`, () => {
    const { region, record } = sample(architecture)
    checkRegion(region, 1)
    checkRecord(record, region)
  })
}

const { region, record } = sample('gpt-oss')
const down = defined(
  region.tensors.find(({ role, kind }) => role === 'down' && kind === 'weight'),
  'down',
)

function withTensor(change: Partial<LoadTensor>): LoadRegion {
  const tensors = region.tensors.map((one) => (one === down ? { ...down, ...change } : one))
  return { ...region, tensors }
}

function withBias(change: Partial<LoadTensor>): LoadRegion {
  const tensors = region.tensors.map((one) => (one.kind === 'bias' ? { ...one, ...change } : one))
  return { ...region, tensors }
}

const WRONG_REGIONS: Readonly<Record<string, LoadRegion>> = {
  'an expert beyond the last': { ...region, pages: [0, 8] },
  'an expert twice': { ...region, pages: [1, 1] },
  'a tensor twice': { ...region, tensors: [...region.tensors, down] },
  'a file that is not there': withTensor({ file: 1 }),
  'a slice longer than its slot': withTensor({ sliceBytes: down.sliceBytes + 4 }),
  'a slice shorter than its slot': withTensor({ sliceBytes: 4 }),
  'a type that does not exist': withTensor({ typeId: 200 }),
  'a row of broken blocks': withTensor({ typeId: 8, shape: [40, 256, 8], sliceBytes: 10880 }),
  'a bias that is no f32': withBias({ typeId: 1 }),
}

for (const [name, wrong] of Object.entries(WRONG_REGIONS)) {
  test(`checkRegion refuses ${name}`, () => {
    assert.throws(() => checkRegion(wrong, 1), { code: 'FRAME_INVALID' })
  })
}

const [gate, up, last] = record.projections
assert.ok(gate && up && last)

const WRONG_RECORDS: Readonly<Record<string, Partial<ExpertRecord>>> = {
  'a projection that is not there': { projections: [{ ...up, role: 'gate_up' }, last] },
  'a projection left out': { projections: [up, last] },
  'two of the same': { projections: [up, up, last] },
  'no second product': { projections: [gate, up] },
  'wider tokens': { nEmbd: 512 },
  'wider sums': { nOut: 512 },
  'a wider middle': { nFf: 768 },
  'a step that uses itself': { activation: [{ op: 'sqr', x: 2 }] },
  'a step that uses a later one': { activation: [{ op: 'add', a: 0, b: 3 }] },
}

for (const [name, wrong] of Object.entries(WRONG_RECORDS)) {
  test(`checkRecord refuses ${name}`, () => {
    assert.throws(() => checkRecord({ ...record, ...wrong }, region), { code: 'FRAME_INVALID' })
  })
}

test('checkRecord refuses scales and biases that are not there', () => {
  for (const kind of ['scale', 'bias']) {
    const tensors = region.tensors.filter((tensor) => tensor.kind !== kind)
    assert.throws(() => checkRecord(record, { ...region, tensors }), { code: 'FRAME_INVALID' })
  }
})

test('checkRegion takes room for more pages, up to all experts', () => {
  for (const slots of [3, 5, 8]) checkRegion({ ...region, slots }, 1)
  for (const slots of [0, 2, 9]) {
    assert.throws(() => checkRegion({ ...region, slots }, 1), { code: 'FRAME_INVALID' })
  }
})

test('checkRegion takes no pages without a file, and a region without pages', () => {
  assert.throws(() => checkRegion(region, 0), { code: 'FRAME_INVALID' })
  checkRegion({ ...region, pages: [], slots: 8 }, 0)
})

test('checkCapacity refuses more than any machine has', () => {
  const wide = withTensor({ shape: [1 << 21, 1 << 20, 8], sliceBytes: 2 ** 43 })
  checkRegion(wide, 1)
  checkCapacity([{ ...wide, slots: 7 }])
  assert.throws(() => checkCapacity([{ ...wide, slots: 8 }]), { code: 'OUT_OF_MEMORY' })
  assert.throws(() => checkCapacity([wide, wide, wide]), { code: 'OUT_OF_MEMORY' })
})
