/** AMD's accelerators, a Radeon, and the Strix Halo. A unit is a compute unit. */
import type { Card } from '../card.js'
import { cite, pcie } from '../figures.js'
import * as from from '../sources.js'

const CDNA = cite('AMD Instinct data sheet', 'recalled')
const RADEON = cite('AMD product page', 'recalled')
const RDNA = cite('AMD RDNA 3 instruction set: 512 FLOP per clock and compute unit', 'derived')
const INFINITY_CACHE = 'The cache is the Infinity Cache, beside the L2 of each die.'

export const mi300x: Card = {
  id: 'mi300x',
  name: 'Instinct MI300X',
  vendor: 'amd',
  year: 2023,
  class: 'datacenter',
  architecture: 'gfx942',
  units: CDNA.count(304),
  tensorCoresPerUnit: CDNA.count(4),
  clock: CDNA.ghz(2.1),
  rates: [
    ...from.INFERENCEX.teraflops({ 'bf16/fp32': 1307, 'fp8/fp32': 2615 }),
    ...CDNA.teraflops({ 'fp16/fp32': 1307, 'int8/int32': 2615, 'fp32/fp32': 163.4 }),
  ],
  memory: from.INFERENCEX.gib(192),
  usableMemory: CDNA.gib(191.9),
  bandwidth: from.INFERENCEX.gigabytesPerSecond(5300),
  l2: CDNA.megabytes(256),
  power: CDNA.watts(750),
  hostLink: pcie(5, 16),
  peerToPeer: true,
  scaleUp: { cards: 8, bandwidth: from.INFERENCEX.gigabytesPerSecond(448) },
  prices: [
    from.PRICE_GUIDE.price({ kind: 'on-demand', usd: 1.99, date: '2026-05', venue: 'RunPod' }),
    from.PRICE_GUIDE.price({ kind: 'spot', usd: 1.71, date: '2026-05', venue: 'Crusoe' }),
    cite('cliffcenter.com', 'read').price({
      ...{ kind: 'contract', usd: 1.5, date: '2026-05', venue: 'TensorWave' },
    }),
  ],
  notes: [INFINITY_CACHE, 'A mesh: one seventh of the scale-up bandwidth to each other card.'],
}

export const mi325x: Card = {
  ...mi300x,
  id: 'mi325x',
  name: 'Instinct MI325X',
  year: 2024,
  memory: from.INFERENCEX.gib(256),
  usableMemory: CDNA.gib(255.9),
  bandwidth: from.INFERENCEX.gigabytesPerSecond(6000),
  power: CDNA.watts(1000),
  prices: [],
}

export const mi355x: Card = {
  ...mi300x,
  id: 'mi355x',
  name: 'Instinct MI355X',
  year: 2025,
  architecture: 'gfx950',
  units: CDNA.count(256),
  clock: CDNA.ghz(2.4),
  rates: [
    ...from.INFERENCEX.teraflops({ 'bf16/fp32': 2516, 'fp8/fp32': 5033, 'fp4/fp32': 10_066 }),
    ...CDNA.teraflops({ 'fp16/fp32': 2516, 'int8/int32': 5033, 'fp32/fp32': 157.3 }),
  ],
  memory: from.INFERENCEX.gib(288),
  usableMemory: CDNA.gib(287.9),
  bandwidth: from.INFERENCEX.gigabytesPerSecond(8000),
  power: CDNA.watts(1400),
  scaleUp: { cards: 8, bandwidth: from.INFERENCEX.gigabytesPerSecond(538) },
  prices: [],
}

export const rx7900xtx: Card = {
  id: 'rx-7900-xtx',
  name: 'Radeon RX 7900 XTX',
  vendor: 'amd',
  year: 2022,
  class: 'consumer',
  architecture: 'gfx1100',
  units: RADEON.count(96),
  clock: RADEON.ghz(2.5),
  rates: [
    ...RADEON.teraflops({ 'bf16/fp32': 122.8, 'fp16/fp32': 122.8, 'fp16/fp16': 122.8 }),
    ...RADEON.teraflops({ 'int8/int32': 122.8, 'fp32/fp32': 61.4 }),
  ],
  memory: RADEON.gib(24),
  usableMemory: RADEON.gib(23.98),
  bandwidth: RADEON.gigabytesPerSecond(960),
  l2: RADEON.megabytes(6),
  power: RADEON.watts(355),
  hostLink: pcie(4, 16),
  peerToPeer: true,
  prices: [RADEON.price({ kind: 'list', usd: 999, date: '2022-12', venue: 'AMD' })],
  notes: ['Beside the L2 it has 96 MB of Infinity Cache.'],
}

export const strixHalo: Card = {
  id: 'strix-halo',
  name: 'Ryzen AI Max+ 395 (Strix Halo)',
  vendor: 'amd',
  year: 2025,
  class: 'integrated',
  architecture: 'gfx1151',
  units: RADEON.count(40),
  clock: RADEON.ghz(2.9),
  rates: RDNA.teraflops({
    'bf16/fp32': 59.4,
    'fp16/fp32': 59.4,
    'fp16/fp16': 59.4,
    'int8/int32': 59.4,
    'fp32/fp32': 29.7,
  }),
  memory: RADEON.gib(128),
  usableMemory: RADEON.gib(96),
  bandwidth: RADEON.gigabytesPerSecond(256),
  l2: RADEON.megabytes(32),
  power: RADEON.watts(120),
  peerToPeer: false,
  prices: [
    cite('gudzai.com 2026-06-02, 1,500 to 3,500, the middle', 'weak').price({
      ...{ kind: 'street', usd: 2500, date: '2026-06', venue: 'whole machine' },
    }),
  ],
  notes: [
    'Pages that give 500 GB/s are wrong: 256 bits of LPDDR5X-8000 are 256 GB/s.',
    'The price is that of the whole machine; the cache is the MALL, shared with the processor.',
  ],
}

export const AMD: readonly Card[] = [mi300x, mi325x, mi355x, rx7900xtx, strixHalo]
