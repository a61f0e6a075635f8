/**
 * Processors that hold experts in their own memory. A unit is a core; rates are those of its vector
 * or matrix unit at the base clock. How much memory a machine has is up to its owner.
 */
import type { Card } from '../card.js'
import { cite } from '../figures.js'

const AMD = cite('AMD product page', 'recalled')
const INTEL = cite('Intel product page', 'recalled')
const AVX512 = cite('cores x base clock x width of the AVX-512 units', 'derived')
const AMX = cite('cores x base clock x 1,024 FLOP of AMX', 'derived')
const BUILT = cite('a usual build', 'weak')
const FREE = cite('95 % of the memory', 'weak')
const channels = (count: number, speed: number) =>
  cite(`${count} channels of DDR5-${speed}, 8 bytes wide`, 'derived').gigabytesPerSecond(
    (count * speed * 8) / 1000,
  )

export const ryzen9950x: Card = {
  id: 'ryzen-9950x',
  name: 'Ryzen 9 9950X, DDR5-5600',
  vendor: 'amd',
  year: 2024,
  class: 'consumer',
  units: AMD.count(16),
  clock: AMD.ghz(4.3),
  rates: AVX512.teraflops({ 'bf16/fp32': 8.81, 'int8/int32': 17.6, 'fp32/fp32': 4.4 }),
  memory: BUILT.gib(96),
  usableMemory: FREE.gib(91.2),
  bandwidth: channels(2, 5600),
  power: AMD.watts(170),
  peerToPeer: false,
  prices: [AMD.price({ kind: 'list', usd: 649, date: '2024-08', venue: 'AMD, without memory' })],
  notes: [],
}

export const epyc9654: Card = {
  id: 'epyc-9654',
  name: 'EPYC 9654, DDR5-4800',
  vendor: 'amd',
  year: 2022,
  class: 'datacenter',
  units: AMD.count(96),
  clock: AMD.ghz(2.4),
  rates: AVX512.teraflops({ 'bf16/fp32': 14.7, 'int8/int32': 29.5, 'fp32/fp32': 7.37 }),
  memory: BUILT.gib(768),
  usableMemory: FREE.gib(729.6),
  bandwidth: channels(12, 4800),
  power: AMD.watts(360),
  peerToPeer: false,
  prices: [AMD.price({ kind: 'list', usd: 11_805, date: '2022-11', venue: 'AMD, without memory' })],
  notes: ['Zen 4 works on 256 bits at a time.'],
}

export const xeon8480: Card = {
  id: 'xeon-8480',
  name: 'Xeon Platinum 8480+, DDR5-4800',
  vendor: 'intel',
  year: 2023,
  class: 'datacenter',
  units: INTEL.count(56),
  clock: INTEL.ghz(2),
  rates: [
    ...AMX.teraflops({ 'bf16/fp32': 114.7, 'int8/int32': 229.4 }),
    ...AVX512.teraflops({ 'fp32/fp32': 7.17 }),
  ],
  memory: BUILT.gib(512),
  usableMemory: FREE.gib(486.4),
  bandwidth: channels(8, 4800),
  power: INTEL.watts(350),
  peerToPeer: false,
  prices: [
    INTEL.price({ kind: 'list', usd: 10_710, date: '2023-01', venue: 'Intel, without memory' }),
  ],
  notes: ['AMX works at 2.0 GHz and is seldom kept fed: llama.cpp reaches far less.'],
}

export const PROCESSORS: readonly Card[] = [ryzen9950x, epyc9654, xeon8480]
