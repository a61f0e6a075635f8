/** The two encoders with super-blocks of 256 elements; layouts as in ggml-common.h. */

import { toHalf } from './half.js'

const Q4_K = { groups: 8, groupSize: 32, scalesAt: 4, quantsAt: 16 } as const
const Q6_K = { groups: 16, groupSize: 16, highAt: 128, scalesAt: 192, scaleAt: 208 } as const

/**
 * q4_K: two halves (scale of the scales, of the minima), 12 bytes with eight 6-bit scales and
 * minima, 256 nibbles. value = scale * nibble - minimum.
 */
export function encodeQ4K(x: Float32Array, out: DataView): void {
  const { groups, groupSize } = Q4_K
  const lows: number[] = []
  const steps: number[] = []
  for (let g = 0; g < groups; g++) {
    const group = x.subarray(g * groupSize, (g + 1) * groupSize)
    const low = Math.min(0, ...group)
    lows.push(-low)
    steps.push((Math.max(low, ...group) - low) / 15)
  }
  const scale = Math.max(...steps) / 63
  const lowScale = Math.max(...lows) / 63
  out.setUint16(0, toHalf(scale), true)
  out.setUint16(2, toHalf(lowScale), true)
  const scaleCodes = steps.map((step) => ratio(step, scale))
  const lowCodes = lows.map((low) => ratio(low, lowScale))
  packSixBits(out, { scaleCodes, lowCodes })
  const quant = (i: number): number => {
    const g = Math.floor(i / groupSize)
    const low = lowScale * (lowCodes[g] ?? 0)
    return clamp(ratio((x[i] ?? 0) + low, scale * (scaleCodes[g] ?? 0)), { min: 0, max: 15 })
  }
  packPairs(out, quant)
}

/** Groups 0-3 fill the low 6 bits of bytes 0-7; groups 4-7 use bytes 8-11 and the top bits left. */
function packSixBits(out: DataView, codes: { scaleCodes: number[]; lowCodes: number[] }): void {
  for (let g = 0; g < 4; g++) {
    const scale = codes.scaleCodes[g] ?? 0
    const low = codes.lowCodes[g] ?? 0
    const scaleHigh = codes.scaleCodes[g + 4] ?? 0
    const lowHigh = codes.lowCodes[g + 4] ?? 0
    out.setUint8(Q4_K.scalesAt + g, scale | ((scaleHigh >> 4) << 6))
    out.setUint8(Q4_K.scalesAt + 4 + g, low | ((lowHigh >> 4) << 6))
    out.setUint8(Q4_K.scalesAt + 8 + g, (scaleHigh & 15) | ((lowHigh & 15) << 4))
  }
}

/** Every 64 elements take 32 bytes: the first 32 in the low nibbles, the others in the high. */
function packPairs(out: DataView, quant: (i: number) => number): void {
  for (let i = 0; i < 128; i++) {
    const low = Math.floor(i / 32) * 64 + (i % 32)
    out.setUint8(Q4_K.quantsAt + i, quant(low) | (quant(low + 32) << 4))
  }
}

/**
 * q6_K: 128 bytes of low nibbles, 64 of high bit pairs, 16 signed scales, one half.
 * value = half * scale * (code - 32).
 */
export function encodeQ6K(x: Float32Array, out: DataView): void {
  const steps = groupSteps(x)
  const scale = Math.max(...steps) / 127
  out.setUint16(Q6_K.scaleAt, toHalf(scale), true)
  const scaleCodes = steps.map((step) => ratio(step, scale))
  for (let g = 0; g < Q6_K.groups; g++) out.setInt8(Q6_K.scalesAt + g, scaleCodes[g] ?? 0)
  const code = (i: number): number => {
    const step = scale * (scaleCodes[Math.floor(i / Q6_K.groupSize)] ?? 0)
    return clamp(ratio(x[i] ?? 0, step), { min: -32, max: 31 }) + 32
  }
  packSixBitQuants(out, code)
}

function groupSteps(x: Float32Array): number[] {
  return Array.from({ length: Q6_K.groups }, (_, g) => {
    const group = x.subarray(g * Q6_K.groupSize, (g + 1) * Q6_K.groupSize)
    return Math.max(...group.map(Math.abs)) / 31
  })
}

/** Of every 128 elements, i, i+32, i+64 and i+96 share the high byte; two share each low byte. */
function packSixBitQuants(out: DataView, code: (i: number) => number): void {
  for (let i = 0; i < 64; i++) {
    const half = Math.floor(i / 32)
    const first = half * 128 + (i % 32)
    const codes = [0, 32, 64, 96].map((step) => code(first + step))
    const [a = 0, b = 0, c = 0, d = 0] = codes
    const low = half * 64 + (i % 32)
    out.setUint8(low, (a & 15) | ((c & 15) << 4))
    out.setUint8(low + 32, (b & 15) | ((d & 15) << 4))
    const high = (a >> 4) | ((b >> 4) << 2) | ((c >> 4) << 4) | ((d >> 4) << 6)
    out.setUint8(Q6_K.highAt + i, high)
  }
}

function ratio(value: number, by: number): number {
  return by === 0 ? 0 : Math.round(value / by)
}

function clamp(value: number, { min, max }: { min: number; max: number }): number {
  return Math.max(min, Math.min(max, value))
}
