/**
 * What is public about the tensor cores of the data-centre Blackwells, and whether two SMs share
 * one. Arithmetic alone cannot tell (see `explain.ts`); these findings can.
 */
import type { Trust } from './card.js'

export type Evidence = {
  readonly finding: string
  /** What it says of a tensor core shared by two SMs. */
  readonly speaks: 'against sharing' | 'for sharing' | 'neither'
  readonly source: string
  readonly trust: Trust
}

export const PAIR_EVIDENCE: readonly Evidence[] = [
  {
    finding: 'four tensor cores to an SM; up to eight of a pair work on one instruction',
    speaks: 'against sharing',
    source: 'NVIDIA developer forum 322353, on tcgen05.mma.cta_group',
    trust: 'read',
  },
  {
    finding: 'each SM has its own 256 KB of tensor memory, in which the sums stay',
    speaks: 'against sharing',
    source: 'jishuzhan.net 2011291844824055809; nvidia.github.io/tilus',
    trust: 'read',
  },
  {
    finding: 'an instruction on two SMs is up to twice as fast as on one, nearly perfect scaling',
    speaks: 'against sharing',
    source: 'SemiAnalysis, Dissecting NVIDIA Blackwell tensor cores, 2026-03-31',
    trust: 'read',
  },
  {
    finding: 'with cta_group::2 each SM stages half of B and the hardware reads both halves',
    speaks: 'neither',
    source: 'tilus matmul tutorial, version 6',
    trust: 'read',
  },
]

/** What a pair does share, after all of these. */
export const PAIR_SHARES = 'the B operand and one instruction, not the unit that multiplies'
