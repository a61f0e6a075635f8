/** Who sends how much to whom, in patterns that are known to be hard on a network. Pure. */
import { assert } from '../../base/assert.js'
import { type Prng, shuffle } from '../../base/prng.js'
import type { Message } from './network.js'

/** Hosts 1 to `senders` send to host 0 at once. */
export function incast(senders: number, bytes: number): Message[] {
  return Array.from({ length: senders }, (_, at) => ({ from: at + 1, to: 0, bytes }))
}

/** Every host sends to one other and receives from one other (one cycle through all). */
export function permutation(hosts: number, bytes: number, prng: Prng): Message[] {
  assert(hosts >= 2, 'a permutation of one host')
  const all = Array.from({ length: hosts }, (_, at) => at)
  const order = shuffle(all, prng)
  return order.map((from, at) => ({ from, to: order[(at + 1) % hosts] ?? 0, bytes }))
}

/** Every host sends to every other, each beginning with another one. */
export function allToAll(hosts: number, bytes: number): Message[] {
  return Array.from({ length: hosts * (hosts - 1) }, (_, at) => {
    const from = at % hosts
    const to = (from + 1 + Math.floor(at / hosts)) % hosts
    return { from, to, bytes }
  })
}
