/**
 * What a fleet file need not say. A plan lists which of these it used, as each of them is a guess
 * about machines that nobody measured.
 */
import { DEFAULT_TERMS } from '../economics/own-cost.js'
import type { Economics, Switch } from './fleet.js'

const { load: _, ...REFERENCE_TERMS } = DEFAULT_TERMS

/** As the reference table has it, but in a home: what a household pays, and nobody cools. */
export const DEFAULT_ECONOMICS: Economics = { ...REFERENCE_TERMS, powerUsdPerKwh: 0.3, pue: 1 }

/** A small switch with ten or more fast ports and a shared buffer. */
export const DEFAULT_SWITCH: Switch = {
  latencyS: 1e-6,
  bufferBytes: 4e6,
  priceUsd: 0,
  powerW: 20,
}

/** A desktop: two channels of DDR5, one NVMe disk, 80 W beside its cards. */
export const DEFAULT_HOST = {
  ramBytes: 64e9,
  ramBytesPerSecond: 60e9,
  diskBytes: 1e12,
  diskBytesPerSecond: 3e9,
  powerW: 80,
  /** Through the kernel's TCP and a program that waits for it. */
  transportS: 15e-6,
} as const
