/**
 * Apple's chips. Apple publishes neither clocks nor rates, so these follow from measurements of the
 * FLOP per clock of one GPU core, and the lint can confirm none of them.
 */
import type { Card } from '../card.js'
import { cite } from '../figures.js'

const APPLE = cite('Apple technical specifications', 'recalled')
const DIGITAL = cite('digitalapplied.com 2026-06', 'read')
const SIMD = cite('cores x clock x 256 FLOP, FP16 no faster than FP32 before M5', 'derived')
const NEURAL = cite('cores x clock x 1,024 FLOP (tzakharko.github.io, on A19)', 'derived')
/** macOS lets the GPU have about three quarters of the memory unless told otherwise. */
const WIRED = cite('three quarters of the memory, the default of macOS', 'recalled')
const FABRIC = 'Joins others over Thunderbolt or 10 GbE only; memory is shared with the processor.'
const WHOLE = 'The price is that of the whole machine.'

const GPU = { vendor: 'apple', class: 'integrated', peerToPeer: false } as const

export const m3Ultra: Card = {
  ...GPU,
  id: 'm3-ultra',
  name: 'Apple M3 Ultra 96 GB',
  year: 2025,
  units: APPLE.count(80),
  clock: cite('28 TFLOP/s of FP32 in published tables', 'derived').ghz(1.38),
  rates: SIMD.teraflops({ 'fp16/fp32': 28.3, 'bf16/fp32': 28.3, 'fp32/fp32': 28.3 }),
  memory: DIGITAL.gib(96),
  usableMemory: WIRED.gib(72),
  bandwidth: DIGITAL.gigabytesPerSecond(819),
  power: cite('skorppio.com, of the whole machine', 'weak').watts(270),
  prices: [DIGITAL.price({ kind: 'list', usd: 5299, date: '2026-06-25', venue: 'Apple' })],
  notes: [FABRIC, WHOLE, 'Machines with 512 GB were sold until the shortage of 2026.'],
}

export const m3Ultra512: Card = {
  ...m3Ultra,
  id: 'm3-ultra-512',
  name: 'Apple M3 Ultra 512 GB',
  memory: APPLE.gib(512),
  usableMemory: WIRED.gib(384),
  prices: [
    cite('jlw-newsletter 2026-03-02', 'read').price({
      ...{ kind: 'list', usd: 9499, date: '2026-03', venue: 'Apple, before it was withdrawn' },
    }),
  ],
  notes: [FABRIC, WHOLE],
}

export const m4Max: Card = {
  ...GPU,
  id: 'm4-max',
  name: 'Apple M4 Max 128 GB',
  year: 2024,
  units: APPLE.count(40),
  clock: cite('techboards.net, commonly stated', 'weak').ghz(1.578),
  rates: SIMD.teraflops({ 'fp16/fp32': 16.2, 'bf16/fp32': 16.2, 'fp32/fp32': 16.2 }),
  memory: APPLE.gib(128),
  usableMemory: WIRED.gib(96),
  bandwidth: APPLE.gigabytesPerSecond(546),
  power: cite('skorppio.com, of the whole machine', 'weak').watts(150),
  prices: [APPLE.price({ kind: 'list', usd: 3499, date: '2025-03', venue: 'Apple' })],
  notes: [FABRIC, WHOLE, 'Tables that assume 1.8 GHz give 18.4 TFLOP/s.'],
}

export const m5Max: Card = {
  ...GPU,
  id: 'm5-max',
  name: 'Apple M5 Max 128 GB',
  year: 2026,
  units: DIGITAL.count(40),
  clock: cite('tzakharko.github.io, estimated', 'weak').ghz(1.75),
  rates: [
    ...NEURAL.teraflops({ 'fp16/fp32': 71.7, 'fp16/fp16': 71.7 }),
    ...SIMD.teraflops({ 'bf16/fp32': 17.9, 'fp32/fp32': 17.9 }),
  ],
  memory: DIGITAL.gib(128),
  usableMemory: WIRED.gib(96),
  bandwidth: DIGITAL.gigabytesPerSecond(614),
  power: cite('as the M4 Max', 'weak').watts(150),
  prices: [],
  notes: [FABRIC, 'With 32 GPU cores its memory gives 460 GB/s.'],
}

export const m5: Card = {
  ...GPU,
  id: 'm5',
  name: 'Apple M5 32 GB',
  year: 2025,
  units: APPLE.count(10),
  clock: cite('michaelstinkerings.org: 3.76 TFLOP/s of FP32 measured', 'read').ghz(1.578),
  rates: [
    ...NEURAL.teraflops({ 'fp16/fp32': 16.2, 'fp16/fp16': 16.2 }),
    ...SIMD.teraflops({ 'bf16/fp32': 4.04, 'fp32/fp32': 4.04 }),
  ],
  memory: APPLE.gib(32),
  usableMemory: WIRED.gib(24),
  bandwidth: APPLE.gigabytesPerSecond(153),
  power: cite('laptops with it', 'weak').watts(40),
  prices: [],
  notes: [FABRIC],
}

export const APPLE_CHIPS: readonly Card[] = [m3Ultra, m3Ultra512, m4Max, m5Max, m5]
