/**
 * Simulated time: whole picoseconds in doubles. At 100 Gb/s a byte takes exactly 80 ps, at 400 Gb/s
 * 20 and at 800 Gb/s 10, so sums of serialisation times are exact and do not depend on their order,
 * as sums of fractions of a nanosecond would (64 B at 100 Gb/s are 5.12 ns). Doubles count whole
 * picoseconds without loss for 2^53 ps, two and a half hours.
 */

export const PS_PER_US = 1e6
export const PS_PER_S = 1e12

/** The nearest whole picosecond. */
export function psOf(seconds: number): number {
  return Math.round(seconds * PS_PER_S)
}

export function secondsOf(ps: number): number {
  return ps / PS_PER_S
}

/** How long a byte occupies a link; a fraction where the rate is an odd one. */
export function psPerByte(bytesPerSecond: number): number {
  return PS_PER_S / bytesPerSecond
}

/** How long so many bytes occupy a link, in whole picoseconds. */
export function serialisationPs(bytes: number, bytesPerSecond: number): number {
  return Math.round(bytes * psPerByte(bytesPerSecond))
}
