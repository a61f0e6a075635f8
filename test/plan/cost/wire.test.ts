import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  combineBytes,
  dispatchBytes,
  type Exchange,
  exchangeS,
  portTokensPerSecond,
  wireBoundTpotS,
} from '../../../src/plan/cost/wire.js'
import { gigabit, model } from './support.js'

/** "Insights into DeepSeek-V3" counts 8 routed experts and the shared one, FP8 out, BF16 back. */
const INSIGHTS: Exchange = {
  hidden: 7000,
  copies: 9,
  dispatchBytesPerValue: 1,
  combineBytesPerValue: 2,
}

function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`)
}

test('a port of 50 GB/s takes 120.96 us per exchange and 14.757 ms per token', () => {
  const port = { tokens: 32, bytesPerSecond: 50e9, layers: 61 }
  near(exchangeS(INSIGHTS, port), 120.96e-6, 1e-12)
  near(wireBoundTpotS(INSIGHTS, port), 14.757e-3, 5e-7)
})

test('a port of 900 GB/s takes 6.72 us per exchange and 0.8198 ms per token', () => {
  const port = { tokens: 32, bytesPerSecond: 900e9, layers: 61 }
  near(exchangeS(INSIGHTS, port), 6.72e-6, 1e-12)
  near(wireBoundTpotS(INSIGHTS, port), 0.8198e-3, 5e-8)
})

const { hidden, moeLayers, expertsUsed } = model('deepseek-v3')

function deepseek(combineBytesPerValue: number): Exchange {
  return { hidden, copies: expertsUsed, dispatchBytesPerValue: 1, combineBytesPerValue }
}

test('a token of DeepSeek-V3 is 3.33 MB out in FP8 and 6.65 MB back in BF16', () => {
  near(dispatchBytes(deepseek(2)) * moeLayers, 3.33e6, 5e3)
  near(combineBytes(deepseek(2)) * moeLayers, 6.65e6, 5e3)
})

test('ports from 10 to 400 Gb/s cap tokens per second', () => {
  const caps: readonly (readonly [gigabits: number, bf16: number, fp8: number])[] = [
    [10, 188, 376],
    [25, 470, 940],
    [50, 940, 1879],
    [100, 1879, 3758],
    [200, 3758, 7517],
    [400, 7517, 15_033],
  ]
  for (const [gigabits, bf16, fp8] of caps) {
    const port = { bytesPerSecond: gigabit(gigabits), layers: moeLayers }
    near(portTokensPerSecond(deepseek(2), port), bf16, 0.5)
    near(portTokensPerSecond(deepseek(1), port), fp8, 0.5)
  }
})
