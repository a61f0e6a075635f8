/**
 * What to change next: every single change that a person could make is tried, and the best are
 * told with what they gain.
 */
import { BITS_PER_BYTE } from '../../base/units.js'
import { countHosts, type Fleet, type Host, hostCards } from '../fleet/fleet.js'
import { WIRE_BYTES, type WireFormat } from '../fleet/wire-format.js'
import { gigabits } from '../numbers.js'
import { COST_OPTIONS } from './options.js'
import { type Candidate, type QuickEstimate, quickEstimate } from './quick.js'

export type Advice = {
  readonly change: string
  /** Tokens per second within the limits, after over before; undefined: none before or after. */
  readonly throughputGain?: number
  /** Seconds of a token at the smallest batch, before over after. */
  readonly latencyGain: number
}

export type Change = { readonly change: string; readonly candidate: Candidate }

/** Gains under this are within the error of every constant here. */
const WORTH_TELLING = 1.03
const MOST_ADVICE = 6

/** `before`: of the candidate as it is. */
export function adviceFor(candidate: Candidate, before: QuickEstimate): Advice[] {
  const tried = changesOf(candidate).flatMap(({ change, candidate: changed }) => {
    const after = quickEstimate(changed)
    return after.fits ? [gains(change, { before, after })] : []
  })
  return tried
    .filter((advice) => gainOf(advice) > WORTH_TELLING)
    .sort((a, b) => gainOf(b) - gainOf(a))
    .slice(0, MOST_ADVICE)
}

function gains(
  change: string,
  { before, after }: { readonly before: QuickEstimate; readonly after: QuickEstimate },
): Advice {
  const latencyGain = before.smallest.tpotS / after.smallest.tpotS
  if (before.best === undefined || after.best === undefined) return { change, latencyGain }
  const throughputGain = after.best.outputTokensPerSecond / before.best.outputTokensPerSecond
  return { change, throughputGain, latencyGain }
}

function gainOf({ throughputGain = 1, latencyGain }: Advice): number {
  return Math.max(throughputGain, latencyGain)
}

/** Gigabits of Ethernet that one can buy. */
const NIC_GIGABITS = [1, 2.5, 5, 10, 25, 40, 50, 100, 200, 400, 800] as const

export function nextNicRate(bytesPerSecond: number): number | undefined {
  return NIC_GIGABITS.map((gigabits) => (gigabits * 1e9) / BITS_PER_BYTE).find(
    (rate) => rate > bytesPerSecond * 1.001,
  )
}

function changesOf(candidate: Candidate): Change[] {
  const { fleet } = candidate
  const to = (change: string, changed: Partial<Fleet>): Change => ({
    change,
    candidate: { ...candidate, fleet: { ...fleet, ...changed } },
  })
  return [
    ...nicChanges(fleet, to),
    ...countChanges(fleet, to),
    ...wireChanges(fleet, to),
    ...formatChanges(candidate),
    ...programChanges(candidate),
  ]
}

type To = (change: string, changed: Partial<Fleet>) => Change

function nicChanges({ head, domains }: Fleet, to: To): Change[] {
  const faster = withNextNic(head)
  const all = domains.map((domain) => withNextNic(domain) ?? domain)
  const headChanges =
    faster === undefined
      ? []
      : [to(`a NIC of ${gigabits(faster.nic.bytesPerSecond)} at the head`, { head: faster })]
  if (domains.length === 0) return headChanges
  return [
    ...headChanges,
    to('the next faster NIC at every domain', { domains: all }),
    to('the next faster NIC everywhere', { head: faster ?? head, domains: all }),
  ]
}

function withNextNic(host: Host): Host | undefined {
  const bytesPerSecond = nextNicRate(host.nic.bytesPerSecond)
  return bytesPerSecond === undefined
    ? undefined
    : { ...host, nic: { ...host.nic, bytesPerSecond } }
}

function countChanges({ domains, head, layout, replicas }: Fleet, to: To): Change[] {
  const more = domains.map((domain, at) =>
    to(`one more host like ${domain.name}`, { domains: domains.with(at, grown(domain)) }),
  )
  const hosts = 1 + countHosts(domains)
  return [
    ...more,
    ...(layout === 'whole' ? [to(`one more host like ${head.name}`, { head: grown(head) })] : []),
    ...(replicas < hosts ? [to('one more replica of each page', { replicas: replicas + 1 })] : []),
    ...(replicas > 1 ? [to('one replica less of each page', { replicas: replicas - 1 })] : []),
  ]
}

function grown(host: Host): Host {
  return { ...host, count: host.count + 1 }
}

const NARROWER = ['q8_0', 'bf16'] as const satisfies WireFormat[]

function wireChanges({ dispatchBytesPerValue, combineBytesPerValue }: Fleet, to: To): Change[] {
  return NARROWER.flatMap((name) => {
    const bytes = WIRE_BYTES[name]
    return [
      ...(bytes < dispatchBytesPerValue
        ? [to(`dispatch in ${name}`, { dispatchBytesPerValue: bytes })]
        : []),
      ...(bytes < combineBytesPerValue
        ? [to(`combine in ${name}`, { combineBytesPerValue: bytes })]
        : []),
    ]
  })
}

/** Formats with their bits, scales included. */
const FORMATS = [
  { name: 'q8_0', bits: 8.5 },
  { name: 'mxfp4', bits: 4.25 },
] as const

function formatChanges(candidate: Candidate): Change[] {
  const { model } = candidate
  // `exact` sizes belong to the format of the file; `work` to the model as it was.
  const { exact: _, ...shape } = model
  const { work: __, ...rest } = candidate
  return FORMATS.flatMap(({ name, bits }) => {
    const part = (key: 'experts' | 'trunk'): Change[] => {
      if (bits >= model.bits[key]) return []
      const changed = { ...shape, bits: { ...model.bits, [key]: bits } }
      return [{ change: `the ${key} in ${name}`, candidate: { ...rest, model: changed } }]
    }
    return [...part('experts'), ...part('trunk')]
  })
}

function programChanges(candidate: Candidate): Change[] {
  const { options = COST_OPTIONS, fleet } = candidate
  if (fleet.layout === 'whole') return []
  const turns: Change = {
    change: 'two micro-batches that take turns between head and experts',
    candidate: { ...candidate, options: { ...options, microBatches: 2 } },
  }
  const split: Change = {
    change: "each layer split over all of the head's cards",
    candidate: { ...candidate, options: { ...options, headSplit: 'tensor' } },
  }
  return [
    ...(options.microBatches !== 2 ? [turns] : []),
    ...(options.headSplit === 'layers' && hostCards(fleet.head) > 1 ? [split] : []),
  ]
}
