/**
 * The least time a round can take on its network, whatever the transport: every byte of it has to
 * pass the links of its hosts and, from leaf to leaf, the uplinks; a host that answers must have
 * what it answers to, and the time that takes. No transport is faster; one message alone takes
 * exactly so long (zero-load latency and serialisation).
 */
import type { Message } from '../moe/network.js'
import { HEADER_BYTES } from '../net/packet.js'
import { psOf, secondsOf, serialisationPs } from '../net/time.js'
import { type Experiment, payloadBytesOf } from './experiment.js'
import { payloadOf, type Round } from './rounds.js'

/** Links that share what has to go through them. */
type Cut = {
  readonly name: string
  readonly bytesPerSecond: number
  payload: number
  wireBytes: number
  /** Least time that a packet spends on the other links of its way. */
  restPs: number
}

export type Bound = {
  /** Of one round. */
  readonly seconds: number
  readonly bottleneck: string
  readonly bytesPerSecond: number
  /** Of the payload of a round, what passes the bottleneck. */
  readonly share: number
}

export function boundOf(round: Round, experiment: Experiment): Bound {
  const { messages, answers } = round
  const cuts = cutsOf([...messages, ...answers], experiment)
  const chains = chainsOf(round, experiment)
  const [tightest] = [...cuts.values(), ...chains].sort((a, b) => leastPs(b) - leastPs(a))
  if (tightest === undefined) return { seconds: 0, bottleneck: '', bytesPerSecond: 1, share: 0 }
  return {
    seconds: secondsOf(leastPs(tightest)),
    bottleneck: tightest.name,
    bytesPerSecond: tightest.bytesPerSecond,
    share: tightest.payload / payloadOf(round),
  }
}

function cutsOf(messages: readonly Message[], experiment: Experiment): Map<string, Cut> {
  const cuts = new Map<string, Cut>()
  for (const message of messages) count(cuts, message, experiment)
  return cuts
}

/** What each host that answers is sent, its work, and its answers: one after the other. */
function chainsOf({ messages, answers }: Round, experiment: Experiment): Cut[] {
  const [sent, answered] = [cutsOf(messages, experiment), cutsOf(answers, experiment)]
  const workPs = new Map(answers.map(({ from, afterS }) => [from, psOf(afterS)]))
  return [...workPs].flatMap(([host, ps]) => {
    const [into, out] = [sent.get(`to host ${host}`), answered.get(`from host ${host}`)]
    if (into === undefined || out === undefined) return []
    return {
      name: `through host ${host}`,
      bytesPerSecond: into.bytesPerSecond,
      payload: into.payload + out.payload,
      wireBytes: into.wireBytes + out.wireBytes,
      restPs: into.restPs + ps + out.restPs,
    }
  })
}

function leastPs({ wireBytes, bytesPerSecond, restPs }: Cut): number {
  return serialisationPs(wireBytes, bytesPerSecond) + restPs
}

function count(cuts: Map<string, Cut>, message: Message, experiment: Experiment): void {
  const { network } = experiment
  const { from, to, bytes } = message
  const packets = Math.ceil(bytes / payloadBytesOf(experiment))
  const wireBytes = bytes + packets * HEADER_BYTES
  // The smallest packet, which may be the one that the cut sees last or first.
  const lastBytes = bytes - (packets - 1) * payloadBytesOf(experiment) + HEADER_BYTES
  const add = (name: string, bytesPerSecond: number, restPs: number): void => {
    const cut = cuts.get(name) ?? { name, bytesPerSecond, payload: 0, wireBytes: 0, restPs }
    cut.payload += bytes
    cut.wireBytes += wireBytes
    cut.restPs = Math.min(cut.restPs, restPs)
    cuts.set(name, cut)
  }
  const way = wayOf(experiment, from, to)
  const wholePs = way.reduce((sum, rate) => sum + linkPs(experiment, lastBytes, rate), 0)
  const restPs = wholePs - serialisationPs(lastBytes, network.bytesPerSecond)
  add(`from host ${from}`, network.bytesPerSecond, restPs)
  add(`to host ${to}`, network.bytesPerSecond, restPs)
  if (network.kind !== 'leaf-spine' || way.length < 4) return
  const perLeaf = network.hosts / network.leaves
  const uplinks = network.spines * network.uplinkBytesPerSecond
  const upPs = wholePs - serialisationPs(lastBytes, network.uplinkBytesPerSecond)
  add(`from leaf ${Math.floor(from / perLeaf)}`, uplinks, upPs)
  add(`to leaf ${Math.floor(to / perLeaf)}`, uplinks, upPs)
}

function linkPs({ network }: Experiment, bytes: number, bytesPerSecond: number): number {
  return serialisationPs(bytes, bytesPerSecond) + psOf(network.delayS)
}

/** Speeds of the links from one host to another. */
function wayOf({ network }: Experiment, from: number, to: number): readonly number[] {
  const { hosts, bytesPerSecond } = network
  const isTogether = (size: number): boolean => Math.floor(from / size) === Math.floor(to / size)
  if (network.kind === 'star') return [bytesPerSecond, bytesPerSecond]
  if (network.kind === 'fat-tree') {
    const links = isTogether(network.k / 2) ? 2 : isTogether(network.k ** 2 / 4) ? 4 : 6
    return Array.from({ length: links }, () => bytesPerSecond)
  }
  const { uplinkBytesPerSecond: uplink, leaves } = network
  if (isTogether(hosts / leaves)) return [bytesPerSecond, bytesPerSecond]
  return [bytesPerSecond, uplink, uplink, bytesPerSecond]
}
