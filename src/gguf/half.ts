/** Half-precision numbers (IEEE 754 binary16) for the scales inside quantised blocks. */

const f32 = new Float32Array(1)
const u32 = new Uint32Array(f32.buffer)

/** Bits of the nearest half, ties to even; too large values become infinity. */
export function toHalf(value: number): number {
  f32[0] = value
  const bits = u32[0] ?? 0
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude >= 0x47800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00)
  // Below the smallest normal half: the value is a whole number of 2^-24 steps.
  if (magnitude < 0x38800000) return sign | roundToEven(Math.abs(value) * 2 ** 24)
  const rebiased = magnitude - 0x38000000
  return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13)
}

export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest === 0.5) return floor + (floor & 1)
  return rest > 0.5 ? floor + 1 : floor
}
