/** The answer of a plan in a few sentences: whether it fits, how fast, for how much, where not. */
import type { Shortage } from '../cost/placement.js'
import type { Verdict } from '../cost/verdicts.js'
import { count, duration, months, percent, plural, times, usd, whole } from '../numbers.js'
import type { Workload } from '../workload.js'
import type { Alternative, Answer, Comparison, Judgement, PlanResult, SpeedRow } from './plan.js'

/** Ratios nearer to 1 are within the error of every constant. */
const CLEARLY = 1.05

export function refusalOf({ text, remedy }: Shortage): Answer {
  return {
    judgement: 'no',
    sentences: ['The model does not fit.', `${capital(text)}.`, `${capital(remedy)}.`],
  }
}

export function answerOf(workload: Workload, result: PlanResult): Answer {
  const judgement = judge(result)
  const sentences = [
    headline(judgement, result),
    speedSentence(workload, result),
    ...result.alternatives.map((one) => alternativeSentence(one, result)),
    ...result.verdicts.filter(({ kind }) => kind !== 'misses-limits').map(verdictSentence),
  ]
  return { judgement, sentences }
}

function headline(judgement: Judgement, { speed, alternatives }: PlanResult): string {
  if (judgement === 'yes') {
    return alternatives.length === 0 ? 'It fits and keeps the limits.' : 'It beats all of them.'
  }
  if (speed.best === undefined) return 'It fits, but it is too slow.'
  if (judgement === 'no') return 'It fits, but tokens are cheaper elsewhere.'
  if (alternatives.length === 0) return 'It fits and keeps the limits, but read on.'
  const isCheaper = alternatives.some(({ comparison }) => (comparison?.costRatio ?? 2) < 1)
  return isCheaper
    ? 'It wins in one place and loses in another.'
    : 'Tokens are cheaper elsewhere, but not a whole rack for you alone.'
}

function judge({ speed, alternatives, bySpeed, verdicts }: PlanResult): Judgement {
  if (speed.best === undefined) return 'no'
  const ratios = alternatives.flatMap(({ comparison }) => comparison?.costRatio ?? [])
  const lost = ratios.filter((ratio) => ratio > 1)
  const isLost = ratios.length > 0 && lost.length === ratios.length
  if (isLost) return alternatives.some(isDearAlone) ? 'mixed' : 'no'
  const isBeatenSomewhere = alternatives.some(({ id }) => whereOf(id, bySpeed).lost.length > 0)
  const isWarned = verdicts.some(({ kind }) => kind !== 'misses-limits')
  return lost.length > 0 || isBeatenSomewhere || isWarned ? 'mixed' : 'yes'
}

function speedSentence(workload: Workload, { speed, cost, verdicts }: PlanResult): string {
  const missed = verdicts.find(({ kind }) => kind === 'misses-limits')
  if (missed !== undefined) return `${capital(missed.text)}.`
  const { batch, tpotS, outputTokensPerSecond } = speed.reference
  const users = batch === 1 ? 'one user, who' : `${whole(batch)} users at once, each of whom`
  const usage = cost.paidShare < 1 ? ` when it works ${percent(cost.paidShare)} of the day` : ''
  return (
    `${count(outputTokensPerSecond)} tokens/s for ${users} gets a token ` +
    `every ${duration(tpotS)} (limit ${duration(workload.tpotS)}), for ` +
    `${usd(cost.outputMtokUsd)} a million output tokens${usage}.`
  )
}

/** Cheaper only because others share it: alone it costs more for an hour of work. */
function isDearAlone({ comparison }: Alternative): boolean {
  return comparison !== undefined && comparison.hourRatio < 1
}

function alternativeSentence(one: Alternative, result: PlanResult): string {
  const { best, comparison, problem, name } = one
  if (best === undefined || comparison === undefined) return `${name}: ${problem ?? 'no answer'}.`
  const theirs = usd(best.outputMtokUsd)
  const { costRatio } = comparison
  const place = `${placeText(whereOf(one.id, result.bySpeed))}${sureText(one, result)}`
  if (costRatio > CLEARLY) {
    const rescue = rescueText(comparison, result)
    const alone = aloneText(one, result)
    return `NO against ${name} when it is always full: ${theirs} there, here ${times(costRatio)} as much${rescue}${alone}${place}.`
  }
  if (costRatio < 1 / CLEARLY) {
    const paidBack = paidBackText(comparison, result)
    return `Better than ${name}: ${theirs} there, ${muchCheaper(costRatio)}${paidBack}${place}.`
  }
  return `${name} is a tie: ${theirs} there${place}.`
}

function muchCheaper(costRatio: number): string {
  return costRatio === 0 ? 'nothing here' : `${times(1 / costRatio)} as much`
}

/** What their speed rests on, and whether the error of speeds could turn the answer. */
function sureText(one: Alternative, { speed }: PlanResult): string {
  const { comparison, measured, measuredMtokUsd = 0, throughputSpread = 1 } = one
  const held =
    measured === undefined
      ? ''
      : `; there held to a run of ${measured.date}, which itself made them for ${usd(measuredMtokUsd)}`
  const spread = Math.max(throughputSpread, speed.throughputSpread ?? 1)
  const costRatio = comparison?.costRatio ?? 0
  const isSure = Math.max(costRatio, 1 / costRatio) > spread
  return isSure ? held : `${held}; not sure, as speeds may be off by ${times(spread)}`
}

/** What would have to be so that an owned fleet costs no more. */
function rescueText({ tieUtilisation }: Comparison, { cost }: PlanResult): string {
  if (tieUtilisation === undefined || cost.paidShare === 1) return ''
  return tieUtilisation > 1
    ? ', even if it worked all day'
    : ` (as much if it works ${percent(tieUtilisation)} of the day)`
}

/** What it costs to have all of the other for one's own users. */
function aloneText(one: Alternative, { speed, cost }: PlanResult): string {
  if (!isDearAlone(one)) return ''
  const here = usd(cost.hourUsd / cost.paidShare)
  const { batch } = speed.reference
  return `; for ${plural(batch, 'user')} alone ${usd(one.hourUsd)} an hour of work there, ${here} here`
}

function paidBackText({ breakEvenMonths }: Comparison, { cost }: PlanResult): string {
  if (cost.own === undefined || cost.upfrontUsd === 0) return ''
  const price = usd(cost.upfrontUsd)
  return breakEvenMonths === undefined
    ? `, though its price of ${price} is never earned`
    : `, and its price of ${price} is earned in ${months(breakEvenMonths)}`
}

/** Tokens per second of a user at which a fleet is cheaper, dearer, or does not deliver at all. */
type Where = {
  readonly won: readonly number[]
  readonly lost: readonly number[]
  readonly unreached: readonly number[]
}

function whereOf(id: string, rows: readonly SpeedRow[]): Where {
  const won: number[] = []
  const lost: number[] = []
  const unreached: number[] = []
  for (const { userTokensPerSecond, outputMtokUsd, alternatives } of rows) {
    const theirs = alternatives.find((one) => one.id === id)?.outputMtokUsd
    if (theirs === undefined) continue
    if (outputMtokUsd === undefined) unreached.push(userTokensPerSecond)
    else if (outputMtokUsd <= theirs) won.push(userTokensPerSecond)
    else lost.push(userTokensPerSecond)
  }
  return { won, lost, unreached }
}

function placeText({ won, lost, unreached }: Where): string {
  const parts: string[] = []
  if (won.length > 0 && lost.length > 0) {
    parts.push(`cheaper here at ${speeds(won)}, there at ${speeds(lost)}`)
  }
  const [first] = unreached
  if (first !== undefined) parts.push(`only there users get ${first} tokens/s or more`)
  return parts.length === 0 ? '' : `; ${parts.join('; ')}`
}

function speeds(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return `${low === high ? low : `${low} to ${high}`} tokens/s per user`
}

function verdictSentence({ kind, text }: Verdict): string {
  return kind === 'dead-zone' ? `NO to more of the same: ${text}.` : `${capital(text)}.`
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}
