/** GeForce cards: FP16 and BF16 at half the rate when summed in FP32. */
import type { Card } from '../card.js'
import { cite, pcie } from '../figures.js'
import * as from from '../sources.js'

const RTX_BLACKWELL = cite('NVIDIA RTX Blackwell GPU architecture white paper', 'recalled')
const ADA = cite('hmc-tech.com, 4090 against RTX PRO 5000', 'read')
const PRODUCT = cite('NVIDIA product page', 'recalled')
const SPHERON = cite('spheron.network RTX 5090 data sheet', 'read')
const CRAWL = cite('deploybase, spheron and gpu.fund price crawls', 'read')
const RETAIL = cite('aihardwareindex.com', 'read')
const EULA = 'The GeForce driver licence does not allow use in data centres.'
const MEASURED =
  'mmapeak on a 5090 (main-horse.github.io/posts/5090-mm-perf): plain FP8 summed in FP32 reaches ' +
  '0.88 of 419 TFLOP/s, block-scaled MXFP8 0.88 of 838, NVFP4 0.88 of 1,676: only plain FP8 is ' +
  'halved by FP32 sums. Its FP16 and BF16 rows are twice what torch.matmul can do: ignore them.'

export const rtx3090: Card = {
  id: 'rtx-3090',
  name: 'GeForce RTX 3090',
  vendor: 'nvidia',
  year: 2020,
  class: 'consumer',
  architecture: 'sm_86',
  units: from.WHITEPAPER.count(82),
  tensorCoresPerUnit: from.TENSOR_CORES.count(4),
  clock: from.WHITEPAPER.ghz(1.695),
  rates: from.WHITEPAPER.teraflops({
    'bf16/fp32': 71,
    'fp16/fp32': 71,
    'fp16/fp16': 142,
    'int8/int32': 284,
    'fp32/fp32': 35.6,
  }),
  memory: PRODUCT.gib(24),
  usableMemory: from.SMI.mib(24_268),
  bandwidth: PRODUCT.gigabytesPerSecond(936),
  l2: from.WHITEPAPER.megabytes(6),
  power: PRODUCT.watts(350),
  hostLink: pcie(4, 16),
  peerToPeer: false,
  scaleUp: { cards: 2, bandwidth: PRODUCT.gigabytesPerSecond(56) },
  prices: [
    PRODUCT.price({ kind: 'list', usd: 1499, date: '2020-09', venue: 'NVIDIA' }),
    cite('local-llm.net, 500 to 800, the middle', 'weak').price({
      ...{ kind: 'used', usd: 650, date: '2026-06', venue: 'marketplaces' },
    }),
    from.PRICE_GUIDE.price({ kind: 'spot', usd: 0.149, date: '2026-05', venue: 'vast.ai lowest' }),
  ],
  notes: ['Peer to peer only over an NVLink bridge between two cards.', EULA],
}

export const rtx4090: Card = {
  id: 'rtx-4090',
  name: 'GeForce RTX 4090',
  vendor: 'nvidia',
  year: 2022,
  class: 'consumer',
  architecture: 'sm_89',
  units: ADA.count(128),
  tensorCoresPerUnit: from.TENSOR_CORES.count(4),
  clock: from.WHITEPAPER.ghz(2.52),
  rates: [
    ...ADA.teraflops({ 'bf16/fp32': 165.2, 'fp16/fp32': 165.2, 'fp16/fp16': 330.3 }),
    ...ADA.teraflops({ 'fp8/fp32': 330.3, 'fp8/fp16': 660.6 }),
    ...from.WHITEPAPER.teraflops({ 'int8/int32': 660.6, 'fp32/fp32': 82.6 }),
  ],
  memory: PRODUCT.gib(24),
  usableMemory: from.SMI.mib(24_080),
  bandwidth: PRODUCT.gigabytesPerSecond(1008),
  l2: ADA.bytes(73.7e6),
  power: PRODUCT.watts(450),
  hostLink: pcie(4, 16),
  peerToPeer: false,
  prices: [
    PRODUCT.price({ kind: 'list', usd: 1599, date: '2022-10', venue: 'NVIDIA' }),
    cite('assumption of an own-cost table', 'weak').price({
      ...{ kind: 'used', usd: 1800, date: '2026-10', venue: 'marketplaces' },
    }),
    CRAWL.price({ kind: 'on-demand', usd: 0.34, date: '2026-03', venue: 'RunPod' }),
    CRAWL.price({ kind: 'on-demand', usd: 0.53, date: '2026-05', venue: 'Spheron' }),
    CRAWL.price({ kind: 'spot', usd: 0.15, date: '2026-03', venue: 'vast.ai lowest' }),
  ],
  notes: [EULA],
}

const BLACKWELL_GEFORCE = {
  vendor: 'nvidia',
  year: 2025,
  class: 'consumer',
  architecture: 'sm_120',
  tensorCoresPerUnit: from.TENSOR_CORES.count(4),
  peerToPeer: false,
} as const

export const rtx5090: Card = {
  ...BLACKWELL_GEFORCE,
  id: 'rtx-5090',
  name: 'GeForce RTX 5090',
  units: SPHERON.count(170),
  clock: cite('pocketmags.com, Linux Format May 2025', 'read').ghz(2.407),
  rates: [
    ...RTX_BLACKWELL.teraflops({ 'bf16/fp32': 209.5, 'fp16/fp32': 209.5, 'fp16/fp16': 419 }),
    ...RTX_BLACKWELL.teraflops({ 'fp8/fp32': 419, 'fp8/fp16': 838, 'int8/int32': 838 }),
    ...RTX_BLACKWELL.teraflops({ 'fp4/fp32': 1676, 'fp32/fp32': 104.8 }),
  ],
  memory: SPHERON.gib(32),
  usableMemory: from.AICONFIGURATOR.bytes(34.19e9),
  bandwidth: SPHERON.gigabytesPerSecond(1792),
  l2: cite('pocketmags.com, Linux Format May 2025', 'read').megabytes(96),
  power: SPHERON.watts(575),
  hostLink: pcie(5, 16),
  prices: [
    RETAIL.price({ kind: 'list', usd: 1999, date: '2025-01', venue: 'NVIDIA' }),
    cite('aihardwareindex.com, 3,500 to 5,000, the middle', 'read').price({
      ...{ kind: 'street', usd: 4250, date: '2026-01', venue: 'retail' },
    }),
    CRAWL.price({ kind: 'on-demand', usd: 0.69, date: '2026-03', venue: 'RunPod' }),
    CRAWL.price({ kind: 'on-demand', usd: 0.86, date: '2026-05', venue: 'Spheron' }),
    CRAWL.price({ kind: 'spot', usd: 0.908, date: '2026-05', venue: 'vast.ai' }),
  ],
  notes: [MEASURED, 'aiconfigurator gives 419 TFLOP/s for BF16: twice the FP32-summed rate.', EULA],
}

/** Rates of the smaller ones by the white paper's FLOP per clock and SM, those of the 5090. */
const scaled = (basis: string) => cite(`${basis}; 512 FLOP per clock and SM in BF16`, 'derived')

export const rtx5080: Card = {
  ...BLACKWELL_GEFORCE,
  id: 'rtx-5080',
  name: 'GeForce RTX 5080',
  units: PRODUCT.count(84),
  clock: PRODUCT.ghz(2.617),
  rates: [
    ...RTX_BLACKWELL.teraflops({ 'bf16/fp32': 112.6, 'fp16/fp32': 112.6, 'fp16/fp16': 225.1 }),
    ...scaled('1,801 sparse FP4 TOPS').teraflops({ 'fp8/fp32': 225.1, 'fp8/fp16': 450.2 }),
    ...scaled('1,801 sparse FP4 TOPS').teraflops({ 'int8/int32': 450.2, 'fp4/fp32': 900.4 }),
  ],
  memory: PRODUCT.gib(16),
  usableMemory: cite('as the 5090, in proportion', 'derived').gib(15.9),
  bandwidth: PRODUCT.gigabytesPerSecond(960),
  l2: PRODUCT.megabytes(64),
  power: PRODUCT.watts(360),
  hostLink: pcie(5, 16),
  prices: [PRODUCT.price({ kind: 'list', usd: 999, date: '2025-01', venue: 'NVIDIA' })],
  notes: [EULA],
}

export const rtx5060ti: Card = {
  ...BLACKWELL_GEFORCE,
  id: 'rtx-5060-ti-16',
  name: 'GeForce RTX 5060 Ti 16 GB',
  units: PRODUCT.count(36),
  clock: PRODUCT.ghz(2.572),
  rates: [
    ...scaled('759 sparse FP4 TOPS').teraflops({ 'bf16/fp32': 47.4, 'fp16/fp32': 47.4 }),
    ...scaled('759 sparse FP4 TOPS').teraflops({ 'fp16/fp16': 94.8, 'fp8/fp32': 94.8 }),
    ...scaled('759 sparse FP4 TOPS').teraflops({ 'fp8/fp16': 189.6, 'int8/int32': 189.6 }),
    ...scaled('759 sparse FP4 TOPS').teraflops({ 'fp4/fp32': 379.3 }),
  ],
  memory: PRODUCT.gib(16),
  usableMemory: cite('as the 5090, in proportion', 'derived').gib(15.9),
  bandwidth: PRODUCT.gigabytesPerSecond(448),
  l2: PRODUCT.megabytes(32),
  power: PRODUCT.watts(180),
  hostLink: pcie(5, 8),
  prices: [PRODUCT.price({ kind: 'list', usd: 429, date: '2025-04', venue: 'NVIDIA' })],
  notes: [
    'Measured by github.com/QuantumDrizzy/BLACKWALL in TFLOP/s: BF16 summed in FP32 47.0, FP16 ' +
      'in FP16 87.9, FP8 to BF16 184.6, NVFP4 341.9: FP8 is not halved in cuBLASLt.',
    EULA,
  ],
}

export const GEFORCE: readonly Card[] = [rtx3090, rtx4090, rtx5060ti, rtx5080, rtx5090]
