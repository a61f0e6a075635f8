/** Fleets, shapes and a workload for tests of the cost model. */
import { defined } from '../../../src/base/assert.js'
import { findCard } from '../../../src/plan/catalog/catalogue.js'
import { DEFAULT_ECONOMICS } from '../../../src/plan/fleet/defaults.js'
import type { Fleet, Host } from '../../../src/plan/fleet/fleet.js'
import { findBuiltinModel } from '../../../src/plan/model/builtin.js'
import type { ModelShape } from '../../../src/plan/model/shape.js'
import { weightBits } from '../../../src/plan/model/weight-formats.js'
import type { Workload } from '../../../src/plan/workload.js'

/** Bytes per second of Ethernet of that many gigabits. */
export const gigabit = (gigabits: number): number => (gigabits * 1e9) / 8

export function model(id: string, format?: string): ModelShape {
  const shape = defined(findBuiltinModel(id), id)
  return format === undefined ? shape : { ...shape, bits: weightBits(format) }
}

export function host(
  card: string,
  { cards = 1, ...rest }: Partial<Omit<Host, 'cards'>> & { cards?: number } = {},
): Host {
  return {
    name: card,
    count: 1,
    cards: cards === 0 ? [] : [{ card: findCard(card), count: cards }],
    nic: { bytesPerSecond: gigabit(25), transportS: 20e-6 },
    ramBytes: 64e9,
    ramBytesPerSecond: 60e9,
    diskBytes: 1e12,
    diskBytesPerSecond: 5e9,
    powerW: 150,
    ...rest,
  }
}

export function fleet(rest: Partial<Fleet> & Pick<Fleet, 'head'>): Fleet {
  return {
    name: 'test',
    layout: 'apart',
    domains: [],
    switch: { latencyS: 2e-6, bufferBytes: 16e6, priceUsd: 500, powerW: 40 },
    replicas: 1,
    dispatchBytesPerValue: 1.0625,
    combineBytesPerValue: 2,
    economics: DEFAULT_ECONOMICS,
    owned: true,
    ...rest,
  }
}

export const CHAT: Workload = {
  name: 'chat',
  promptTokens: 1024,
  outputTokens: 256,
  batches: [1, 4, 16, 64, 256],
  ttftS: 10,
  tpotS: 0.2,
  utilisation: 1,
  cachedShare: 0,
}
