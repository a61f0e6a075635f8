/** NVIDIA's cards for servers and desks that are neither GeForce nor SXM, and the GB10. */
import type { Card } from '../card.js'
import { cite, pcie } from '../figures.js'
import * as from from '../sources.js'

const L40S = cite('L40S data sheet', 'recalled')
const RTX_PRO = cite('RTX PRO Blackwell data sheet', 'recalled')
const GB10_FP4 = cite('1 PFLOP/s of sparse FP4, NVIDIA product page', 'derived')
const GB10_FP8 = cite('half of dense FP4; half again in FP32', 'derived')
const GB10_FP16 = cite('half of FP8; halved in FP32 as a GeForce, not confirmed by NVIDIA', 'weak')
const DIGITAL = cite('digitalapplied.com 2026-06-28', 'read')

export const l40s: Card = {
  id: 'l40s',
  name: 'L40S',
  vendor: 'nvidia',
  year: 2023,
  class: 'workstation',
  architecture: 'sm_89',
  units: L40S.count(142),
  tensorCoresPerUnit: from.TENSOR_CORES.count(4),
  clock: L40S.ghz(2.52),
  rates: [
    ...cite('half of the 733 with sparsity on the L40S data sheet', 'derived').teraflops({
      'bf16/fp32': 366.5,
      'fp16/fp32': 366.5,
      'fp16/fp16': 366.5,
    }),
    ...L40S.teraflops({ 'fp8/fp32': 733, 'int8/int32': 733, 'fp32/fp32': 91.6 }),
  ],
  memory: L40S.gib(48),
  usableMemory: from.SMI.mib(46_068),
  bandwidth: L40S.gigabytesPerSecond(864),
  l2: L40S.megabytes(96),
  power: L40S.watts(350),
  hostLink: pcie(4, 16),
  peerToPeer: true,
  prices: [
    from.KAEL.price({ kind: 'on-demand', usd: 2.25, date: '2026-02', venue: 'CoreWeave list' }),
  ],
  notes: [
    'The data sheet also prints 362.05 TFLOP/s of dense FP16, which its own 733 contradicts.',
  ],
}

export const rtxPro6000: Card = {
  id: 'rtx-pro-6000',
  name: 'RTX PRO 6000 Blackwell',
  vendor: 'nvidia',
  year: 2025,
  class: 'workstation',
  architecture: 'sm_120',
  units: RTX_PRO.count(188),
  tensorCoresPerUnit: from.TENSOR_CORES.count(4),
  clock: RTX_PRO.ghz(2.617),
  rates: RTX_PRO.teraflops({
    'bf16/fp32': 503.8,
    'fp16/fp32': 503.8,
    'fp16/fp16': 503.8,
    'fp8/fp32': 1007.6,
    'int8/int32': 1007.6,
    'fp4/fp32': 2015,
    'fp32/fp32': 126,
  }),
  memory: RTX_PRO.gib(96),
  usableMemory: from.AICONFIGURATOR.mib(97_887),
  bandwidth: from.AICONFIGURATOR.gigabytesPerSecond(1792),
  l2: RTX_PRO.megabytes(128),
  power: from.AICONFIGURATOR.watts(600),
  hostLink: pcie(5, 16),
  peerToPeer: true,
  prices: [
    DIGITAL.price({ kind: 'list', usd: 8500, date: '2025-05', venue: 'launch' }),
    cite('digitalapplied.com, 12,000 to 14,500, the middle', 'read').price({
      ...{ kind: 'street', usd: 13_250, date: '2026-06', venue: 'listings' },
    }),
    from.KAEL.price({ kind: 'on-demand', usd: 2.5, date: '2026-02', venue: 'CoreWeave list' }),
  ],
  notes: ['The server edition reports 2,430 MHz at most; its rates are lower by 7 %.'],
}

export const gb10: Card = {
  id: 'gb10',
  name: 'DGX Spark (GB10)',
  vendor: 'nvidia',
  year: 2025,
  class: 'integrated',
  architecture: 'sm_121',
  units: cite('6,144 CUDA cores, 128 to an SM', 'derived').count(48),
  tensorCoresPerUnit: from.TENSOR_CORES.count(4),
  clock: cite('31 TFLOP/s of FP32 (Hot Chips 2025) at 256 per clock and SM', 'derived').ghz(2.523),
  rates: [
    ...GB10_FP16.teraflops({ 'bf16/fp32': 62, 'fp16/fp32': 62, 'fp16/fp16': 124 }),
    ...GB10_FP8.teraflops({ 'fp8/fp32': 125, 'fp8/fp16': 250, 'int8/int32': 250 }),
    ...GB10_FP4.teraflops({ 'fp4/fp32': 500 }),
    ...cite('NVIDIA at Hot Chips 2025, by ferra.ru', 'read').teraflops({ 'fp32/fp32': 31 }),
  ],
  memory: from.AICONFIGURATOR.gib(128),
  usableMemory: from.AICONFIGURATOR.bytes(128_538_451_968),
  bandwidth: from.AICONFIGURATOR.gigabytesPerSecond(273),
  l2: cite('GB10 specification tables', 'recalled').megabytes(24),
  power: from.AICONFIGURATOR.watts(140),
  peerToPeer: false,
  prices: [
    DIGITAL.price({ kind: 'list', usd: 4699, date: '2026-06', venue: 'NVIDIA, whole machine' }),
  ],
  notes: [
    'aiconfigurator gives 213 TFLOP/s of FP16 by mmapeak. On a 5090 the same tool prints twice ' +
      'the FP16 that the card can do and the right FP8; 213 is such a doubled figure.',
    'Measured by mmapeak: FP8 214, FP4 427 TFLOP/s. Memory is shared with the processor.',
    'The price is that of the whole machine, with its 200 Gb/s network card.',
  ],
}

export const WORKSTATION: readonly Card[] = [l40s, rtxPro6000, gb10]
