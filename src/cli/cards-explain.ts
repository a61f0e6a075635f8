/** The explanation of a card's rates as text. Pure; all numbers come from `explainCard`. */
import { formatTable } from '../base/table.js'
import { type RateCheck, TOLERANCE } from '../plan/catalog/arithmetic.js'
import type { AccumulatorCost, Explanation, PairQuestion } from '../plan/catalog/explain.js'
import { formatClock, formatCount, formatRate, formatSource } from './cards-format.js'

export function formatExplanation(explanation: Explanation): string {
  const { card, accumulators, pair } = explanation
  return [
    `${card.name}: ${card.units.value} units at ${formatClock(card.clock.value)}`,
    `  clock ${formatSource(card.clock)}`,
    '',
    ...formatChecks(explanation),
    ...accumulators.flatMap(formatAccumulator),
    ...(pair === undefined ? [] : formatPair(pair)),
    ...(card.notes.length === 0 ? [] : ['', ...card.notes]),
  ].join('\n')
}

const VERDICTS = {
  holds: 'a power of two',
  inferred: 'a power of two by construction: confirms nothing',
  unchecked: 'not checked',
  fails: 'NO power of two',
} as const

function formatChecks({ card, checks }: Explanation): string[] {
  const titles = ['format', 'rate', 'FLOP/clock/unit', 'nearest', 'off by', 'per tensor core', '']
  const reasons = checks.flatMap(({ rate }) =>
    rate.unchecked === undefined ? [] : [`${rate.format}: ${rate.unchecked}.`],
  )
  return [
    'rate / (units x clock) = FLOP per clock and unit, a power of two if the row is right',
    `(within ${100 * TOLERANCE} %: vendors round rate and clock to three digits)`,
    '',
    ...formatTable(card.tensorCoresPerUnit ? titles : titles.toSpliced(5, 1), checks.map(cells)),
    ...reasons,
  ]
}

function cells({ rate, perUnit, power, deviation, perTensorCore, verdict }: RateCheck): string[] {
  return [
    `${rate.format}/${rate.accumulator}`,
    formatRate(rate.value),
    formatCount(perUnit),
    ...(verdict === 'unchecked' ? ['-', '-'] : [formatCount(power), formatDeviation(deviation)]),
    ...(perTensorCore === undefined ? [] : [formatCount(perTensorCore)]),
    VERDICTS[verdict],
  ]
}

/** `0.00 %` rather than `-0.00 %`. */
function formatDeviation(deviation: number): string {
  return `${(100 * deviation).toFixed(2).replace(/^-(0\.0+)$/, '$1')} %`
}

function formatAccumulator({ format, wide, narrow, share, sibling }: AccumulatorCost): string[] {
  const name = format.toUpperCase()
  const rates = `${formatRate(wide)} summed in FP32, ${formatRate(narrow)} in FP16`
  const told = `${name}: ${rates}: ${share < 0.75 ? `${share.toFixed(2)} of it` : 'no loss'}.`
  if (sibling === undefined) return ['', told]
  const own = formatCount(sibling.ownPerUnit)
  const other = `${formatCount(sibling.perUnit)} of the ${sibling.id}`
  return ['', told, `  ${own} FLOP per clock and unit against ${other}, which has the same units.`]
}

const POSSIBLE = {
  yes: 'possible',
  no: 'impossible',
  slow: 'below half of its highest clock',
} as const

function formatPair(pair: PairQuestion): string[] {
  const { before, maxClock, hypotheses, undecided } = pair
  const rows = hypotheses.map(({ text, perUnit, clock, possible }) => [
    text,
    formatCount(perUnit),
    formatClock(clock),
    POSSIBLE[possible],
  ])
  const measure = `${formatCount(before.perUnit)} FLOP per clock and SM of the ${before.id}`
  return [
    '',
    'Do two SMs share a tensor core?',
    `Before: ${measure}, ${formatCount(before.perCore)} to a tensor core.`,
    `The highest clock of this card is ${formatClock(maxClock)}. BF16 would need:`,
    '',
    ...formatTable(['if', 'FLOP/clock/SM', 'clock', ''], rows),
    '',
    ...formatUndecided(undecided),
    ...formatEvidence(pair),
    ...formatExperiment(pair),
  ]
}

function formatUndecided(undecided: readonly string[]): string[] {
  if (undecided.length < 2) return [`Arithmetic leaves: ${undecided.join('; ') || 'none'}.`]
  return [
    'The rate cannot choose between these, which mean the same FLOP per clock and SM:',
    ...undecided.map((text) => `  - ${text}`),
  ]
}

function formatEvidence({ evidence, shares }: PairQuestion): string[] {
  const against = evidence.filter(({ speaks }) => speaks === 'against sharing').length
  return [
    '',
    'What is public:',
    ...evidence.flatMap(({ finding, speaks, source, trust }) => [
      `  - ${finding} (${speaks})`,
      `    ${trust}: ${source}`,
    ]),
    `${against} of ${evidence.length} speak against a shared unit. A pair shares ${shares}.`,
  ]
}

function formatExperiment({ experiment }: PairQuestion): string[] {
  const { how, loneIfPrivate, bothIfPrivate, loneIfShared, bothIfShared } = experiment
  const row = (lone: number, both: number) => [formatRate(lone), formatRate(both)]
  return [
    '',
    `What would decide it: ${how}.`,
    ...formatTable(
      ['if the unit is', 'one SM', 'both'],
      [
        ['private', ...row(loneIfPrivate, bothIfPrivate)],
        ['shared', `up to ${formatRate(loneIfShared)}`, formatRate(bothIfShared)],
      ],
    ),
    'If one SM alone stays at the lower figure and both double it, nothing is shared that a',
    'program could notice.',
  ]
}
