import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActivationStep, ExpertRecord } from '../../src/base/expert.js'
import { promptOf } from '../engine/support.js'
import { ARCHITECTURES, testModel } from '../support/models.js'
import { logitsOf, openFleet, openRuntime } from './support.js'

/** A record in one line: layer, shape, projections (* scale, + bias), activation, weights. */
function describe(record: ExpertRecord): string {
  const { layer, group, nEmbd, nFf, nOut, nExpert, nUsed } = record
  const projections = record.projections.map(
    ({ role, hasScale, hasBias }) => `${role}${hasScale ? '*' : ''}${hasBias ? '+' : ''}`,
  )
  const shape = `${nEmbd}>${nFf}>${nOut} ${nUsed}/${nExpert}`
  const steps = record.activation.map(describeStep).join(' ')
  return `${layer}${group}: ${shape} ${projections.join(' ')} | ${steps} | ${record.weights}`
}

function describeStep(step: ActivationStep): string {
  const { op, ...rest } = step
  const round = (value: unknown) => (typeof value === 'number' ? Number(value.toFixed(3)) : value)
  return `${op}(${Object.values(rest).map(round).join(',')})`
}

/** What the model of each architecture uses; its file may have more, as scales no graph reads. */
const SHAPE = '256>384>256 3/8'
const SMALL = '128>192>128 3/8'
const SWIGLU = 'glu(SWIGLU,0,1,0,0)'
const OAI = 'glu(SWIGLU_OAI,0,1,1.702,7)'
const usual = (layer: number) => `${layer}: ${SHAPE} gate up down | ${SWIGLU} | after`
const scaled = (layer: number) => `${layer}: ${SHAPE} gate* up* down* | ${SWIGLU} | after`

const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  bailingmoe2: [usual(1)],
  deepseek2: [`1: ${SMALL} gate_up down | ${SWIGLU} | after`],
  'ernie4_5-moe': [usual(1)],
  glm4moe: [usual(1)],
  'gpt-oss': [0, 1].map((layer) => `${layer}: ${SHAPE} gate+ up+ down+ | ${OAI} | after`),
  granitemoe: [usual(0), usual(1)],
  'kimi-linear': [`1: ${SMALL} gate up down | ${SWIGLU} | after`],
  llama: [scaled(0), scaled(1)],
  llama4: [1, 3].map((layer) => `${layer}: ${SHAPE} gate up down | ${SWIGLU} | before`),
  'minimax-m2': [usual(0), usual(1)],
  olmoe: [usual(0), usual(1)],
  qwen2moe: [usual(0), usual(1)],
  qwen3moe: [scaled(0), scaled(1)],
  qwen3next: [0, 1].map((layer) => `${layer}: ${SHAPE} gate_up down* | ${SWIGLU} | after`),
}

for (const architecture of ARCHITECTURES) {
  test(`FleetDevice describes the experts of ${architecture} and computes them to the bit`, () => {
    const path = testModel(architecture)
    const steps = [promptOf(9, 1), [3], [7], promptOf(5, 2), [11]]
    const plain = openRuntime(path)
    const expected = logitsOf(plain, steps)
    plain.free()
    const { runtime, device } = openFleet(path)
    assert.deepEqual(device.records.map(describe), EXPECTED[architecture])
    assert.deepEqual(device.unknown, [])
    assert.deepEqual(logitsOf(runtime, steps), expected)
    assert.equal(device.takeError(), undefined)
    runtime.free()
  })
}
