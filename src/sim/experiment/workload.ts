/** From the name of a workload to what it sends, and how much that is before it is made. */
import { hashText, Prng } from '../../base/prng.js'
import { resolveModel } from '../../plan/model/resolve-model.js'
import { allToAll, incast, permutation } from '../moe/patterns.js'
import { DEFAULTS } from './defaults.js'
import { type Experiment, type MoeWorkload, payloadBytesOf, type Workload } from './experiment.js'
import type { Fields } from './fields.js'
import { unfit } from './fit.js'
import { domainsOf, moeTraffic } from './moe-traffic.js'
import { repeated, type Traffic } from './rounds.js'

/** @throws SputnikError EXPERIMENT_UNFIT, and those of reading a model */
export function workloadOf(fields: Fields): Workload {
  const named = fields.workload ?? DEFAULTS.workload
  if (named.kind !== 'moe') {
    refuseStrays(fields, ['layout', 'tokens', 'card', 'cards'], named.kind)
    return named
  }
  refuseStrays(fields, ['bytes'], named.kind)
  return {
    kind: 'moe',
    shape: resolveModel(named.model),
    layout: fields.layout ?? DEFAULTS.layout,
    tokens: fields.tokens ?? DEFAULTS.tokens,
    cards: fields.cards ?? DEFAULTS.cards,
    card: fields.card ?? DEFAULTS.card,
  }
}

function refuseStrays(fields: Fields, names: readonly (keyof Fields)[], kind: string): void {
  for (const name of names) {
    if (fields[name] === undefined) continue
    throw unfit(`${name} is given, but it says nothing of ${kind}`, `leave ${name} out`)
  }
}

/** Hosts that it needs; undefined: two are enough. */
export function hostsNeeded(workload: Workload): number | undefined {
  return workload.kind === 'incast' ? workload.senders + 1 : undefined
}

/** The same for every transport. @throws SputnikError as `moeTraffic` does */
export function trafficOf(experiment: Experiment): Traffic {
  const { workload, network, bytes, seed } = experiment
  const { hosts } = network
  if (workload.kind === 'moe') return moeTraffic(workload, experiment)
  if (workload.kind === 'incast') return repeated(incast(workload.senders, bytes))
  if (workload.kind === 'all-to-all') return repeated(allToAll(hosts, bytes))
  return repeated(permutation(hosts, bytes, Prng.fromSeed(hashText('permutation', seed))))
}

/** Most messages of a round. */
export function messageCount({ workload, network: { hosts } }: Experiment): number {
  if (workload.kind === 'incast') return workload.senders
  if (workload.kind === 'permutation') return hosts
  if (workload.kind === 'all-to-all') return hosts * (hosts - 1)
  const { sources, domains } = endsOf(workload, hosts)
  return 2 * sources * domains
}

/** Most packets of a round. */
export function packetCount(experiment: Experiment): number {
  const { workload, bytes, network } = experiment
  const payloadBytes = payloadBytesOf(experiment)
  const messages = messageCount(experiment)
  if (workload.kind !== 'moe') return messages * Math.ceil(bytes / payloadBytes)
  const { hidden, expertsUsed } = workload.shape
  const copies = Math.min(expertsUsed, endsOf(workload, network.hosts).domains)
  // Out and back, with no more than four bytes for a value.
  return messages + (2 * workload.tokens * copies * hidden * 4) / payloadBytes
}

function endsOf(workload: MoeWorkload, hosts: number): { sources: number; domains: number } {
  const domains = domainsOf(workload, hosts)
  return { domains, sources: workload.layout === 'apart' ? 1 : domains }
}

/** As people say it, with the bytes of each message. */
export function describeWorkload({ workload }: Experiment): string {
  if (workload.kind === 'incast') return `${workload.senders}:1 incast`
  if (workload.kind !== 'moe') return workload.kind
  const { shape, tokens, layout, cards, card } = workload
  return `layers of ${shape.name} with ${tokens} tokens, ${layout}, ${cards} ${card} a domain`
}
