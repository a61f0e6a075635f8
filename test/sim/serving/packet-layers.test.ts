import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closedForm, type Exchange, flowModel } from '../../../src/sim/serving/layer-network.js'
import { packetLayers } from '../../../src/sim/serving/packet-layers.js'

const DOMAINS = 16
const LINKS = {
  headBytesPerSecond: 3.125e9,
  domainBytesPerSecond: new Array<number>(DOMAINS).fill(1.25e9),
  latencyS: 20e-6,
  bufferBytes: 4e6,
}

function layer(bytes: number): Exchange[] {
  return Array.from({ length: DOMAINS }, (_, domain) => ({
    ...{ domain, dispatchBytes: bytes, combineBytes: 2 * bytes },
    computeS: 50e-6,
  }))
}

for (const transport of ['credits', 'cubic', 'dctcp'] as const) {
  test(`packets under ${transport} take more than flows, and about what the closed form says`, () => {
    const exchanges = layer(16_000)
    const packetS = packetLayers(LINKS, { transport, seed: 1 })(exchanges)
    const flowS = flowModel(LINKS)(exchanges)
    const closedS = closedForm(LINKS)(exchanges)
    assert.ok(packetS > flowS && packetS < 1.5 * closedS, `${packetS} ${flowS} ${closedS}`)
  })
}

test('TCP alone waits for its time-out where the buffer of the switch is small', () => {
  const small = { ...LINKS, bufferBytes: 30_000 }
  const cubicS = packetLayers(small, { transport: 'cubic', seed: 1 })(layer(64_000))
  assert.ok(cubicS > 0.2, `${cubicS}`)
})
