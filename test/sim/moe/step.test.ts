import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '../../../src/base/assert.js'
import { median } from '../../../src/base/statistics.js'
import { findBuiltinModel } from '../../../src/plan/model/builtin.js'
import { layerOf, rememberedLayers } from '../../../src/sim/moe/layer-networks.js'
import { type MoeOptions, MoeTraffic } from '../../../src/sim/moe/moe-step.js'
import { PacketMessages } from '../../../src/sim/moe/packets.js'
import { type LayerTimes, type PlayedLayer, playLayer } from '../../../src/sim/moe/play-layer.js'
import { RememberedLayers } from '../../../src/sim/moe/remembered-layers.js'
import { fluidStar, packetStar } from '../../../src/sim/moe/star.js'
import { fabricCredit } from '../../../src/sim/transport/fabric-credit.js'
import { ndp } from '../../../src/sim/transport/ndp.js'

const GBIT = 125e6
const RATE = 25 * GBIT
const SHAPE = { ...defined(findBuiltinModel('deepseek-v3'), 'a model'), moeLayers: 4 }
const CARD = { bytesPerSecond: 800e9, flopsPerSecond: 200e12, memoryBytes: 24e9 }

const OPTIONS: MoeOptions = {
  shape: SHAPE,
  layout: 'apart',
  domains: 16,
  cards: [CARD, CARD, CARD, CARD],
  callS: 30e-6,
  replicas: 1,
  popularity: { kind: 'uniform' },
  dispatchBytesPerValue: 1,
  combineBytesPerValue: 2,
  copyPer: 'domain',
  bytesPerSecond: RATE,
  seed: 5,
}

const star = (hosts: number) => ({
  hostBytesPerSecond: new Array<number>(hosts).fill(RATE),
  latencyS: 2e-6,
})

const WARM_UP = 8

/** Packets on a star, with credits that have found the speed of the links on those layers. */
function creditPlayer(
  known: readonly PlayedLayer[],
  hosts = 17,
): (layer: PlayedLayer) => LayerTimes {
  const messages = new PacketMessages({
    topology: packetStar(star(hosts)),
    ...{ switches: { bufferBytes: 1e6 }, transport: fabricCredit(), multipath: 'flow', seed: 1 },
  })
  for (let round = 0; round < WARM_UP; round++) for (const one of known) playLayer(messages, one)
  return (layer) => playLayer(messages, layer)
}

/** Domains that eight distinct experts of 256 lie on, dealt evenly to `domains`. */
function expectedCopies(domains: number): number {
  let missed = 1
  for (let drawn = 0; drawn < 8; drawn++) missed *= 1 - 256 / domains / (256 - drawn)
  return domains * (1 - missed)
}

for (const domains of [4, 16, 64]) {
  test(`with one copy for each of ${domains} domains, bytes are as many as closed forms say`, () => {
    const tokens = 512
    const load = new MoeTraffic({ ...OPTIONS, domains, cards: [{ ...CARD, memoryBytes: 1e12 }] })
    const { exchanges } = load.load(0, tokens)
    const copies = exchanges.reduce((sum, one) => sum + one.tokens, 0) / tokens
    assert.ok(Math.abs(copies / expectedCopies(domains) - 1) < 0.02, `${copies} copies`)
    assert.equal(
      exchanges.reduce((sum, one) => sum + one.pairs, 0),
      8 * tokens,
    )
    const bytes = exchanges.reduce((sum, one) => sum + one.combineBytes - 20, 0)
    assert.equal(bytes, 14_336 * Math.round(copies * tokens))
  })
}

test('a copy per expert moves eight rows of each token out and back', () => {
  const { exchanges } = new MoeTraffic({ ...OPTIONS, copyPer: 'expert' }).load(0, 100)
  const combine = exchanges.reduce((sum, one) => sum + one.combineBytes - 20, 0)
  const dispatch = exchanges.reduce((sum, one) => sum + one.dispatchBytes, 0)
  assert.equal(combine, 8 * 100 * 14_336)
  // Numbers and weights of the pairs come on top of the rows.
  assert.ok(dispatch > 8 * 100 * 7168 && dispatch < 8 * 100 * 7168 * 1.01)
})

test('what all domains compute is what the tokens asked for', () => {
  for (const layout of ['apart', 'whole'] as const) {
    const popularity = { kind: 'zipf', exponent: 1 } as const
    const traffic = new MoeTraffic({ ...OPTIONS, layout, replicas: 2, popularity })
    const { exchanges, work } = traffic.load(1, 203)
    const pairs = work.flatMap((one) => [...one.values()]).reduce((sum, count) => sum + count, 0)
    assert.equal(pairs, 8 * 203)
    assert.equal(
      exchanges.reduce((sum, one) => sum + one.pairs, 0),
      pairs,
    )
  }
})

test('hot experts make a step slower, replicas of them faster again', () => {
  const seconds = (change: Partial<MoeOptions>): number => {
    const traffic = new MoeTraffic({ ...OPTIONS, ...change })
    const network = fluidStar({ ...star(17), payloadBytes: 1448 })
    return [0, 1, 2, 3].reduce((sum, layer) => {
      const played = traffic.played(layer, traffic.load(layer, 256))
      return sum + playLayer(network, played).totalS
    }, 0)
  }
  const popularity = { kind: 'zipf', exponent: 1.2 } as const
  const cards = OPTIONS.cards.map((card) => ({ ...card, flopsPerSecond: 1e12, memoryBytes: 1e11 }))
  const uniform = seconds({ cards })
  const hot = seconds({ cards, popularity })
  const replicated = seconds({ cards, popularity, replicas: 3 })
  assert.ok(hot > 1.3 * uniform, `${hot} s and ${uniform} s`)
  assert.ok(replicated < 0.95 * hot, `${replicated} s and ${hot} s`)
})

for (const tokens of [8, 32, 128]) {
  test(`packets with credits and fluids in turn agree within 20 % on ${tokens} tokens`, () => {
    const traffic = new MoeTraffic(OPTIONS)
    const layers = [0, 1, 2, 3].map((at) => traffic.played(at, traffic.load(at, tokens)))
    const packets = creditPlayer(layers)
    const fluids = fluidStar({ ...star(17), payloadBytes: 1448, isInTurn: true })
    const ratios = layers.map((one) => packets(one).totalS / playLayer(fluids, one).totalS)
    assert.ok(Math.min(...ratios) > 0.98 && Math.max(...ratios) < 1.2, `${ratios}`)
  })
}

// All send in the same order, so that they meet at the same receivers.
for (const tokens of [32, 128]) {
  test(`where all send to all, packets with credits take up to 1.4 times as long as fluids on ${tokens} tokens`, () => {
    const traffic = new MoeTraffic({ ...OPTIONS, layout: 'whole' })
    const layers = [0, 1, 2, 3].map((at) => traffic.played(at, traffic.load(at, tokens)))
    const packets = creditPlayer(layers, 16)
    const fluids = fluidStar({ ...star(16), payloadBytes: 1448, isInTurn: true })
    const ratios = layers.map((one) => packets(one).totalS / playLayer(fluids, one).totalS)
    assert.ok(Math.min(...ratios) > 0.98 && Math.max(...ratios) < 1.4, `${ratios}`)
  })
}

/** Packets on a star that trims. */
function ndpPlayer(hosts: number): (layer: PlayedLayer) => LayerTimes {
  const messages = new PacketMessages({
    topology: packetStar(star(hosts)),
    switches: { bufferBytes: 8 * 4160, trim: { urgentBytes: 8 * 4160, isReturning: true } },
    transport: ndp({ payloadBytes: 4096, initialWindow: 30 }),
    multipath: 'packet',
    seed: 1,
  })
  return (layer) => playLayer(messages, layer)
}

test('packets with NDP and fluids in turn agree within 10 % where messages fit a window', () => {
  const traffic = new MoeTraffic(OPTIONS)
  const packets = ndpPlayer(17)
  const fluids = fluidStar({ ...star(17), payloadBytes: 4096, isInTurn: true })
  const ratios = [0, 1, 2, 3].map((layer) => {
    const played = traffic.played(layer, traffic.load(layer, 32))
    return packets(played).totalS / playLayer(fluids, played).totalS
  })
  assert.ok(Math.abs(median(ratios) - 1) < 0.1, `${ratios}`)
})

/** Every host waits for senders that have others to serve: fluids share links better. */
test('where all send much to all, packets with NDP take up to 1.6 times as long as fluids', () => {
  const traffic = new MoeTraffic({ ...OPTIONS, layout: 'whole' })
  const packets = ndpPlayer(16)
  const fluids = fluidStar({ ...star(16), payloadBytes: 4096, isInTurn: true })
  for (const layer of [0, 1, 2, 3]) {
    const played = traffic.played(layer, traffic.load(layer, 512))
    const ratio = packets(played).totalS / playLayer(fluids, played).totalS
    assert.ok(ratio > 0.98 && ratio < 1.6, `${ratio}`)
  }
})

test('layers that are alike are remembered, and no more wrong than the grain', () => {
  const traffic = new MoeTraffic(OPTIONS)
  const fluids = fluidStar({ ...star(17), payloadBytes: 1448, isInTurn: true })
  const find = (layer: PlayedLayer): LayerTimes => playLayer(fluids, layer)
  const exact = new RememberedLayers(find, { grain: 0 })
  const coarse = new RememberedLayers(find, { grain: 0.2 })
  const layers = Array.from({ length: 200 }, (_, at) =>
    traffic.played(at % 4, traffic.load(at % 4, 2048)),
  )
  for (const layer of layers) {
    const { totalS } = find(layer)
    assert.ok(Math.abs(exact.play(layer).totalS / totalS - 1) < 1e-3)
    assert.ok(Math.abs(coarse.play(layer).totalS / totalS - 1) < 0.2)
  }
  assert.ok(coarse.remembered > coarse.played, `${coarse.played} of 200 were played`)
  const [first] = layers
  const played = exact.played
  exact.play(defined(first, 'a layer'))
  assert.equal(exact.played, played)
})

test('the same layer takes as long whichever of equal domains has which part', () => {
  const links = {
    headBytesPerSecond: RATE,
    domainBytesPerSecond: [RATE, RATE, RATE],
    ...{ latencyS: 1e-5, bufferBytes: 1e6 },
  }
  let played = 0
  const network = rememberedLayers(
    (exchanges) => {
      played++
      const fluids = fluidStar({ ...star(4), payloadBytes: 1448 })
      return playLayer(fluids, layerOf(exchanges)).totalS
    },
    { links, grain: 0 },
  )
  const part = (domain: number, bytes: number) => ({
    ...{ domain, dispatchBytes: bytes, computeS: 1e-4, combineBytes: 2 * bytes },
  })
  const one = network([part(0, 1000), part(1, 2000), part(2, 3000)])
  assert.equal(network([part(0, 3000), part(1, 1000), part(2, 2000)]), one)
  assert.equal(played, 1)
})
