/** NVIDIA's data-centre cards up to Hopper. */
import type { Card } from '../card.js'
import { cite, pcie } from '../figures.js'
import * as from from '../sources.js'

const NVLINK = cite('NVLink per GPU, half of both ways; data sheets', 'recalled')
const TENSOR_CLOCK = cite('H100 white paper: boost clock of the tensor cores', 'recalled')

export const v100: Card = {
  id: 'v100',
  name: 'V100 SXM2 32 GB',
  vendor: 'nvidia',
  year: 2017,
  class: 'datacenter',
  architecture: 'sm_70',
  units: from.WHITEPAPER.count(80),
  tensorCoresPerUnit: from.TENSOR_CORES.count(8),
  clock: from.DATASHEET.ghz(1.53),
  rates: from.DATASHEET.teraflops({ 'fp16/fp32': 125, 'fp16/fp16': 125, 'fp32/fp32': 15.7 }),
  memory: from.DATASHEET.gib(32),
  usableMemory: from.SMI.mib(32_510),
  bandwidth: from.DATASHEET.gigabytesPerSecond(900),
  l2: from.WHITEPAPER.megabytes(6),
  power: from.DATASHEET.watts(300),
  hostLink: pcie(3, 16),
  peerToPeer: true,
  scaleUp: { cards: 8, bandwidth: NVLINK.gigabytesPerSecond(150) },
  prices: [
    cite('aimultiple.com/gpu-index, V100-led legacy class of 58 providers', 'read').price({
      ...{ kind: 'on-demand', usd: 0.97, date: '2026-05', venue: 'median of lists' },
    }),
  ],
  notes: ['No BF16: models in it are multiplied in FP16.', 'Also sold with 16 GB.'],
}

export const a100: Card = {
  id: 'a100-80',
  name: 'A100 SXM 80 GB',
  vendor: 'nvidia',
  year: 2020,
  class: 'datacenter',
  architecture: 'sm_80',
  units: from.WHITEPAPER.count(108),
  tensorCoresPerUnit: from.TENSOR_CORES.count(4),
  clock: from.WHITEPAPER.ghz(1.41),
  rates: from.DATASHEET.teraflops({
    'bf16/fp32': 312,
    'fp16/fp32': 312,
    'fp16/fp16': 312,
    'int8/int32': 624,
    'fp32/fp32': 19.5,
  }),
  memory: from.DATASHEET.gib(80),
  usableMemory: from.SMI.mib(81_154),
  bandwidth: from.DATASHEET.gigabytesPerSecond(2039),
  l2: from.WHITEPAPER.megabytes(40),
  power: from.DATASHEET.watts(400),
  hostLink: pcie(4, 16),
  peerToPeer: true,
  scaleUp: { cards: 8, bandwidth: NVLINK.gigabytesPerSecond(300) },
  prices: [
    cite('600me price data set', 'read').price({
      ...{ kind: 'on-demand', usd: 1.39, date: '2026-10', venue: 'RunPod community' },
    }),
    cite('600me price data set', 'read').price({
      ...{ kind: 'on-demand', usd: 1.79, date: '2026-10', venue: 'RunPod secure' },
    }),
    from.KAEL.price({ kind: 'on-demand', usd: 2.7, date: '2026-02', venue: 'CoreWeave list' }),
  ],
  notes: [],
}

export const h100: Card = {
  id: 'h100-sxm',
  name: 'H100 SXM',
  vendor: 'nvidia',
  year: 2022,
  class: 'datacenter',
  architecture: 'sm_90',
  units: from.WHITEPAPER.count(132),
  tensorCoresPerUnit: from.TENSOR_CORES.count(4),
  clock: TENSOR_CLOCK.ghz(1.83),
  maxClock: from.SMI.ghz(1.98),
  rates: [
    ...from.INFERENCEX.teraflops({ 'bf16/fp32': 989, 'fp8/fp32': 1979 }),
    ...from.DATASHEET.teraflops({ 'fp16/fp32': 989, 'fp16/fp16': 989, 'int8/int32': 1979 }),
  ],
  memory: from.DATASHEET.gib(80),
  usableMemory: from.SMI.mib(81_559),
  bandwidth: from.INFERENCEX.gigabytesPerSecond(3350),
  l2: from.WHITEPAPER.megabytes(50),
  power: from.DATASHEET.watts(700),
  hostLink: pcie(5, 16),
  peerToPeer: true,
  scaleUp: { cards: 8, bandwidth: from.INFERENCEX.gigabytesPerSecond(450) },
  prices: [
    cite('neighborhoodsf wiki; compux.net: 7 to 12, the middle', 'read').price({
      ...{ kind: 'on-demand', usd: 9.5, date: '2023', venue: 'clouds' },
    }),
    cite('Latent Space, by a wiki', 'read').price({
      ...{ kind: 'contract', usd: 2.85, date: '2024', venue: 'neoclouds, early in the year' },
    }),
    cite('SemiAnalysis, by a wiki', 'read').price({
      ...{ kind: 'on-demand', usd: 2.99, date: '2024-10', venue: 'neoclouds' },
    }),
    cite('SemiAnalysis, by techreaderdaily', 'read').price({
      ...{ kind: 'contract', usd: 1.7, date: '2025-10', venue: 'one year, the low' },
    }),
    cite('SemiAnalysis, by techreaderdaily', 'read').price({
      ...{ kind: 'contract', usd: 2.35, date: '2026-03', venue: 'one year' },
    }),
    cite('aimultiple.com/gpu-index', 'read').price({
      ...{ kind: 'on-demand', usd: 2.95, date: '2026-05', venue: 'median of lists' },
    }),
    cite('tgarg01/silybench-data', 'read').price({
      ...{ kind: 'spot', usd: 2.4, date: '2026-10', venue: 'vast.ai median' },
    }),
    cite('tgarg01/silybench-data', 'read').price({
      ...{ kind: 'on-demand', usd: 3.99, date: '2026-10-19', venue: 'RunPod secure' },
    }),
  ],
  notes: [],
}

export const h800: Card = {
  ...h100,
  id: 'h800-sxm',
  name: 'H800 SXM',
  year: 2023,
  scaleUp: { cards: 8, bandwidth: from.MARGINS.gigabytesPerSecond(200) },
  prices: [],
  notes: ['An H100 with NVLink cut to 400 GB/s both ways.'],
}

export const h200: Card = {
  ...h100,
  id: 'h200-sxm',
  name: 'H200 SXM',
  year: 2024,
  memory: cite('InferenceX-app gpu-specs.ts: 144 physical, 141 usable', 'read').gib(144),
  usableMemory: from.SMI.mib(143_771),
  bandwidth: from.INFERENCEX.gigabytesPerSecond(4800),
  prices: [
    from.KAEL.price({ kind: 'on-demand', usd: 6.31, date: '2026-02', venue: 'CoreWeave list' }),
  ],
  notes: ['The chip of the H100 with more and faster memory.'],
}

export const h20: Card = {
  ...h100,
  id: 'h20',
  name: 'H20',
  year: 2023,
  units: cite('H20 specification tables', 'recalled').count(78),
  clock: cite('148 TFLOP/s over 78 SMs at 1,024 FLOP per clock', 'derived').ghz(1.853),
  rates: cite('H20 specification tables', 'recalled').teraflops({
    'bf16/fp32': 148,
    'fp16/fp32': 148,
    'fp16/fp16': 148,
    'fp8/fp32': 296,
    'int8/int32': 296,
  }),
  memory: cite('H20 specification tables', 'recalled').gib(96),
  usableMemory: from.SMI.mib(97_871),
  bandwidth: from.AICONFIGURATOR.gigabytesPerSecond(4000),
  l2: cite('H20 specification tables', 'recalled').megabytes(60),
  power: from.MARGINS.watts(400),
  prices: [],
  notes: ['A Hopper whose tensor cores run at a quarter of the rate; memory and NVLink are whole.'],
}

export const HOPPER_AND_BEFORE: readonly Card[] = [v100, a100, h100, h800, h200, h20]
