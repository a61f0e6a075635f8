/** NVIDIA's data-centre Blackwells, each row for one GPU of two dies. */
import type { Card, Rate } from '../card.js'
import { cite, pcie } from '../figures.js'
import * as from from '../sources.js'

const inferredClock = (basis: string) => cite(`${basis} at 8,192 FLOP per clock`, 'derived')
const PHYSICAL = cite('InferenceX-app gpu-specs.ts, physical beside usable memory', 'read')
/** 900 GB/s both ways between a Grace and its two GPUs. */
const C2C = {
  ...cite('NVLink-C2C, 900 GB/s both ways shared by two GPUs', 'weak').gigabytesPerSecond(225),
  kind: 'NVLink-C2C',
}

export const b200: Card = {
  id: 'b200',
  name: 'B200 SXM',
  vendor: 'nvidia',
  year: 2024,
  class: 'datacenter',
  architecture: 'sm_100',
  units: from.HMC.count(148),
  tensorCoresPerUnit: from.HMC.count(4),
  clock: inferredClock('2,250 TFLOP/s over 148 SMs').ghz(1.856),
  maxClock: from.HMC.ghz(1.98),
  rates: [
    ...from.INFERENCEX.teraflops({ 'bf16/fp32': 2250, 'fp8/fp32': 4500, 'fp4/fp32': 9000 }),
    ...from.HMC.teraflops({ 'fp16/fp32': 2250, 'fp16/fp16': 2250, 'int8/int32': 4500 }),
  ],
  memory: PHYSICAL.gib(192),
  usableMemory: from.SMI.mib(183_359),
  bandwidth: from.INFERENCEX.gigabytesPerSecond(8000),
  l2: cite('microbenchmarks of Blackwell, about', 'recalled').megabytes(126),
  power: from.DATASHEET.watts(1000),
  hostLink: pcie(5, 16),
  peerToPeer: true,
  scaleUp: { cards: 8, bandwidth: from.INFERENCEX.gigabytesPerSecond(900) },
  prices: [
    from.KAEL.price({ kind: 'on-demand', usd: 8.6, date: '2026-02', venue: 'CoreWeave list' }),
  ],
  notes: [
    'Tables that give 4,500 TFLOP/s in FP16 count with sparsity.',
    'hmc-tech.com lists 1.86 GHz as the clock of the tensor cores, as inferred here.',
  ],
}

export const gb200: Card = {
  ...b200,
  id: 'gb200',
  name: 'GB200, one GPU',
  clock: inferredClock('2,500 TFLOP/s over 148 SMs').ghz(2.062),
  maxClock: from.HMC.ghz(2.112),
  rates: [
    ...from.INFERENCEX.teraflops({ 'bf16/fp32': 2500, 'fp8/fp32': 5000, 'fp4/fp32': 10_000 }),
    ...from.HMC.teraflops({ 'fp16/fp32': 2500, 'fp16/fp16': 2500, 'int8/int32': 5000 }),
  ],
  usableMemory: cite('InferenceX-app gpu-specs.ts, as nvidia-smi reports', 'read').mib(189_471),
  power: from.DATASHEET.watts(1200),
  hostLink: C2C,
  scaleUp: { cards: 72, bandwidth: from.INFERENCEX.gigabytesPerSecond(900) },
  prices: [
    from.KAEL.price({ kind: 'on-demand', usd: 10.5, date: '2026-02', venue: 'CoreWeave list' }),
    from.MARGINS.price({
      ...{ kind: 'on-demand', usd: 10.582, date: '2026-07', venue: 'AWS capacity block' },
    }),
  ],
  notes: ['Some tables give 152 SMs; the clock is then 2.008 GHz and no rate changes.'],
}

const ULTRA_FP4: readonly Rate[] = from.INFERENCEX.teraflops({ 'fp4/fp32': 15_000 }).map(
  (rate) => ({
    ...rate,
    unchecked:
      'NVIDIA states 1.5 times the FP4 of a GB200: three times FP8, so no power of two is expected',
  }),
)

export const gb300: Card = {
  ...gb200,
  id: 'gb300',
  name: 'GB300, one GPU',
  year: 2025,
  architecture: 'sm_103',
  units: cite('Blackwell Ultra product tables; the whole chip has 160', 'weak').count(152),
  tensorCoresPerUnit: from.TENSOR_CORES.count(4),
  clock: inferredClock('2,500 TFLOP/s over 152 SMs').ghz(2.008),
  rates: [
    ...from.INFERENCEX.teraflops({ 'bf16/fp32': 2500, 'fp8/fp32': 5000 }),
    ...ULTRA_FP4,
    ...cite('as BF16', 'derived').teraflops({ 'fp16/fp32': 2500, 'fp16/fp16': 2500 }),
  ],
  memory: PHYSICAL.gib(288),
  usableMemory: cite('InferenceX-app gpu-specs.ts, as nvidia-smi reports', 'read').mib(284_208),
  power: from.MARGINS.watts(1400),
  prices: [
    cite('vera-rubin-nvl72 article, InferenceX-app blog', 'read').price({
      ...{ kind: 'contract', usd: 5, date: '2026-07', venue: 'three years' },
    }),
  ],
  notes: ['INT8 is cut to a few per cent of FP8 in Blackwell Ultra and is left out here.'],
}

export const BLACKWELL: readonly Card[] = [b200, gb200, gb300]
