/** What a workload sends in each round, and how much that is at most in one place. */
import { hashText, Prng } from '../../base/prng.js'
import type { Message } from '../moe/network.js'
import { allToAll, incast, permutation } from '../moe/patterns.js'
import { HEADER_BYTES } from '../net/packet.js'
import type { Experiment } from './experiment.js'
import type { Workload } from './fields.js'

/** The same for every transport: it does not depend on what happens. */
export function messagesOf({ workload, network, bytes, seed }: Experiment): readonly Message[] {
  const { hosts } = network
  if (workload.kind === 'incast') return incast(workload.senders, bytes)
  if (workload.kind === 'all-to-all') return allToAll(hosts, bytes)
  return permutation(hosts, bytes, Prng.fromSeed(hashText('permutation', seed)))
}

/** Of a round, without making them. */
export function messageCount({ workload, network: { hosts } }: Experiment): number {
  if (workload.kind === 'incast') return workload.senders
  return workload.kind === 'all-to-all' ? hosts * (hosts - 1) : hosts
}

export function packetsPerRound(experiment: Experiment): number {
  const { bytes, mtuBytes } = experiment
  return messageCount(experiment) * Math.ceil(bytes / (mtuBytes - HEADER_BYTES))
}

/** As people say it. */
export function describeWorkload(workload: Workload): string {
  return workload.kind === 'incast' ? `${workload.senders}:1 incast` : workload.kind
}
