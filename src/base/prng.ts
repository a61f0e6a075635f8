/**
 * A small seeded generator (xoshiro128**, Blackman and Vigna 2018) so that a seed replays anything:
 * simulations, failure tests, random models. Not for secrets.
 */

import { assert } from './assert.js'

export type PrngState = readonly [number, number, number, number]

export class Prng {
  #a: number
  #b: number
  #c: number
  #d: number
  #spare: number | undefined

  private constructor(state: PrngState) {
    const [a, b, c, d] = state
    this.#a = a
    this.#b = b
    this.#c = c
    this.#d = d
  }

  /** A generator whose state is spread from a 32-bit seed by splitmix32. */
  static fromSeed(seed: number): Prng {
    let x = seed >>> 0
    const next = (): number => {
      x = (x + 0x9e3779b9) >>> 0
      let z = x
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return (z ^ (z >>> 15)) >>> 0
    }
    return new Prng([next(), next(), next(), next()])
  }

  /** Continues where `state` was taken. */
  static fromState(state: PrngState): Prng {
    const isStuck = state.every((word) => word === 0)
    assert(!isStuck, 'a state of zeros never leaves zero')
    return new Prng(state)
  }

  get state(): PrngState {
    return [this.#a, this.#b, this.#c, this.#d]
  }

  nextU32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0
    const t = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= t
    this.#d = rotateLeft(this.#d, 11)
    return result
  }

  /** Uniform in [0, 1) with 32 random bits. */
  nextFloat(): number {
    return this.nextU32() / 4294967296
  }

  /** Uniform integer in [0, below); `below` up to 2^32. */
  nextBelow(below: number): number {
    return Math.floor(this.nextFloat() * below)
  }

  /** Exponential with mean 1: the time between independent events. */
  nextExponential(): number {
    return -Math.log(1 - this.nextFloat())
  }

  /** Standard normal (Marsaglia's polar method); its spare value is not part of `state`. */
  nextGaussian(): number {
    const spare = this.#spare
    if (spare !== undefined) {
      this.#spare = undefined
      return spare
    }
    let u: number
    let v: number
    let s: number
    do {
      u = this.nextFloat() * 2 - 1
      v = this.nextFloat() * 2 - 1
      s = u * u + v * v
    } while (s >= 1 || s === 0)
    const scale = Math.sqrt((-2 * Math.log(s)) / s)
    this.#spare = v * scale
    return u * scale
  }
}

/** In place; every order is equally likely (Fisher and Yates). */
export function shuffle<T extends number[] | Int32Array>(values: T, prng: Prng): T {
  for (let at = values.length - 1; at > 0; at--) {
    const other = prng.nextBelow(at + 1)
    const value = values[at] ?? 0
    values[at] = values[other] ?? 0
    values[other] = value
  }
  return values
}

/** A 32-bit hash of a text (FNV-1a over UTF-16 units) to derive independent seeds from names. */
export function hashText(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  }
  return hash
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits))
}
