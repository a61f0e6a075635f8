/** Data links of tests: a head and a node in one thread, over memory or over real sockets. */
import type { Prng } from '../../src/base/prng.js'
import { Credits } from '../../src/fabric/credits.js'
import { openDataChannel } from '../../src/fabric/data-channel.js'
import { DataLink } from '../../src/fabric/data-link.js'
import type { Identity } from '../../src/fabric/identity.js'
import { PeerState } from '../../src/fabric/peer-state.js'
import type { Channel } from '../../src/native/channel.js'
import { localSockets } from '../../src/native/sockets.js'
import { type MemoryChannel, memoryPair } from './memory-channel.js'

export type End = {
  readonly link: DataLink
  readonly credits: Credits
  readonly state: PeerState
  /** Why it ended, if it did. */
  readonly ends: string[]
}

type Options = {
  readonly credits?: Credits
  readonly now?: () => number
  readonly openTimeoutMs?: number
}

const realNow = (): number => performance.now()

export function endOf(channel: Channel, isHead: boolean, options: Options = {}): End {
  const { now = realNow, openTimeoutMs = 10_000 } = options
  const { credits = new Credits({ isStanding: !isHead, now }) } = options
  const state = new PeerState()
  const ends: string[] = []
  const onEnd = (reason: string): void => void ends.push(reason)
  const common = { channel, state, credits, spinUs: 50, openTimeoutMs, now, onEnd }
  return { link: new DataLink(common), credits, state, ends }
}

export type MemoryEnds = {
  readonly head: End
  readonly node: End
  readonly channels: [MemoryChannel, MemoryChannel]
  /** Every look at it is a hundredth of a millisecond. */
  readonly clock: { ms: number }
}

export function memoryLinks(capacity: number, random?: Prng): MemoryEnds {
  const clock = { ms: 1000 }
  const now = (): number => {
    clock.ms += 0.01
    return clock.ms
  }
  const channels = memoryPair(capacity, random)
  const [a, b] = channels
  return { head: endOf(a, true, { now }), node: endOf(b, false, { now }), channels, clock }
}

export type Keys = { readonly head: Identity; readonly node: Identity }

/** Over a pair of sockets: with TLS when there are keys. */
export function socketLinks(keys?: Keys, options: Options = {}): { head: End; node: End } {
  const sockets = localSockets()
  const [a, b] = sockets.pair()
  const end = (fd: number, isHead: boolean): End => {
    const [own, peer] = isHead ? [keys?.head, keys?.node] : [keys?.node, keys?.head]
    const identity = own ?? { keyPem: '', certificatePem: '' }
    const peerCertificatePem = peer?.certificatePem ?? null
    const channel = openDataChannel({ sockets, fd, isHead, identity, peerCertificatePem })
    return endOf(channel, isHead, options)
  }
  return { head: end(a, true), node: end(b, false) }
}
