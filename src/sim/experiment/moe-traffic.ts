/**
 * The layers of a model's step as rounds: hosts that have tokens send each domain one copy of those
 * it holds experts for, a domain that has all of its own computes, and sums go back.
 */

import { findCard } from '../../plan/catalog/catalogue.js'
import { UNIFORM } from '../../plan/cost/routing.js'
import { wireBytes } from '../../plan/fleet/wire-format.js'
import { moeCards } from '../moe/moe-card.js'
import { MoeTraffic, USUAL_WIRE } from '../moe/moe-step.js'
import type { PlayedLayer } from '../moe/play-layer.js'
import type { Experiment, MoeWorkload } from './experiment.js'
import type { Answer, Round, Traffic } from './rounds.js'

/** @throws SputnikError CARD_UNKNOWN, PLACEMENT_FULL */
export function moeTraffic(workload: MoeWorkload, { network, seed }: Experiment): Traffic {
  const { shape, layout, tokens, cards } = workload
  const traffic = new MoeTraffic({
    ...{ shape, layout, seed, replicas: 1, copyPer: 'domain', popularity: UNIFORM },
    ...wireBytes(USUAL_WIRE),
    domains: domainsOf(workload, network.hosts),
    ...moeCards({ card: findCard(workload.card), count: cards }, shape),
    bytesPerSecond: network.bytesPerSecond,
  })
  let layer = 0
  return () => {
    const at = layer++ % traffic.layers
    return roundOf(traffic.played(at, traffic.load(at, tokens)))
  }
}

export function domainsOf({ layout }: MoeWorkload, hosts: number): number {
  return layout === 'apart' ? hosts - 1 : hosts
}

function roundOf({ exchanges, computeS }: PlayedLayer): Round {
  // What stays on its host takes no network.
  const sent = exchanges.filter(({ source, domain }) => source !== domain)
  const answersBy = new Map<number, Answer[]>()
  for (const { source, domain, combineBytes } of sent) {
    const answers = answersBy.get(domain) ?? []
    answers.push({ from: domain, to: source, bytes: combineBytes, afterS: computeS(domain) })
    answersBy.set(domain, answers)
  }
  const missing = new Map([...answersBy].map(([domain, answers]) => [domain, answers.length]))
  return {
    messages: sent.map(({ source, domain, dispatchBytes, combineBytes }) => ({
      ...{ from: source, to: domain, bytes: dispatchBytes, replyBytes: combineBytes },
    })),
    answers: [...answersBy.values()].flat(),
    answersTo: (message) => {
      const domain = sent[message]?.domain ?? -1
      const left = (missing.get(domain) ?? 0) - 1
      missing.set(domain, left)
      return left === 0 ? (answersBy.get(domain) ?? []) : []
    },
  }
}
