/** What a search found, as people and programs read it. */
import type { HtmlPage, Section } from '../../chart/html-page.js'
import { lineChart } from '../../chart/line-chart.js'
import { count, duration, usd, whole } from '../numbers.js'
import type { Choice, Goal } from '../search/goal.js'
import { insteadOf } from '../search/instead.js'
import { reasonsFor } from '../search/reasons.js'
import type { SearchCounts, SearchRequest, SearchResult } from '../search/search.js'
import type { Plan } from './plan.js'
import { planPage } from './plan-page.js'

/** What `--json` prints of a search. */
export type SearchReport = {
  readonly version: 1
  readonly model: string
  readonly workload: string
  readonly goal: Goal
  readonly counts: SearchCounts
  readonly best?: FoundFleet
  /** Why it was chosen. */
  readonly reasons: readonly string[]
  readonly runnerUp?: { readonly fleet: FoundFleet; readonly lost: readonly string[] }
  /** What would do when nothing does. */
  readonly instead?: string
  /** Fleets of which none is beaten in speed, latency and cost at once; the cheapest first. */
  readonly front: readonly FoundFleet[]
  /** Of the best. */
  readonly plan?: Plan
}

/** Times are from the cost model: `confidence` of the plan holds for them. */
export type FoundFleet = {
  readonly name: string
  readonly format: string
  readonly hourUsd: number
  readonly upfrontUsd: number
  readonly outputMtokUsd: number
  readonly outputTokensPerSecond: number
  readonly batch: number
  /** At that batch, and for one user alone. */
  readonly tpotS: number
  readonly aloneTpotS: number
}

export function searchReport(
  request: SearchRequest,
  { result, planOf }: { readonly result: SearchResult; readonly planOf: (best: Choice) => Plan },
): SearchReport {
  const { best, front, counts } = result
  const { workload, goal, space } = request
  const { best: reasons, runnerUp } = reasonsFor(request, result)
  return {
    version: 1,
    model: space.variants[0]?.shape.name ?? '',
    workload: workload.name,
    goal,
    counts,
    reasons,
    ...(best === undefined
      ? { instead: insteadOf(request, result).text }
      : { best: foundFleet(best), plan: planOf(best) }),
    ...(runnerUp !== undefined && {
      runnerUp: { fleet: foundFleet(runnerUp.choice), lost: runnerUp.lost },
    }),
    front: front.map(foundFleet),
  }
}

function foundFleet(choice: Choice): FoundFleet {
  const { name, variant, hourUsd, upfrontUsd, mtokUsd, tokensPerSecond, tpotS, figures } = choice
  return {
    name,
    format: variant.format,
    hourUsd,
    upfrontUsd,
    outputMtokUsd: mtokUsd,
    outputTokensPerSecond: tokensPerSecond,
    batch: figures.batch,
    tpotS: figures.tpotS,
    aloneTpotS: tpotS,
  }
}

export function searchPage(report: SearchReport): HtmlPage {
  const { model, workload, goal, plan } = report
  return {
    title: `A fleet for ${model}`,
    subtitle: `Workload ${workload}; ${goalText(goal)}`,
    sections: [
      bestSection(report),
      ...frontSection(report),
      ...(plan === undefined ? [] : planPage(plan).sections.map(underPlan)),
    ],
  }
}

export function chartedSearchPage(report: SearchReport): HtmlPage {
  const page = searchPage(report)
  if (report.front.length === 0) return page
  const [best, ...rest] = page.sections
  const points = report.front.map((one) => ({
    x: costOf(report.goal, one),
    y: one.outputTokensPerSecond,
    note: `${one.name}; one user alone: ${duration(one.aloneTpotS)} a token`,
  }))
  const chart = lineChart({
    title: 'Fleets of which none is beaten in speed, latency and cost at once',
    x: { title: goalUnit(report.goal), unit: '$', scale: 'log' },
    y: { title: 'all users together', unit: 'tokens/s', scale: 'log' },
    series: [{ name: 'front', points, shape: 'scatter' }],
  })
  return {
    ...page,
    sections: [...(best === undefined ? [] : [best]), { charts: [chart] }, ...rest],
  }
}

function goalText(goal: Goal): string {
  if (goal.kind === 'cheapest') {
    return `the cheapest ${goal.measure === 'hour' ? 'by the hour' : 'to buy'} with ${count(goal.tokensPerSecond)} tokens/s`
  }
  return `the fastest for ${usd(goal.budgetUsd)}${goal.measure === 'hour' ? ' an hour' : ''}`
}

function goalUnit({ measure }: Goal): string {
  return measure === 'hour' ? 'an hour' : 'to buy'
}

function costOf({ measure }: Goal, { hourUsd, upfrontUsd }: FoundFleet): number {
  return measure === 'hour' ? hourUsd : upfrontUsd
}

function bestSection({ best, reasons, runnerUp, instead, counts }: SearchReport): Section {
  const looked = `There are ${whole(counts.fleets)} such fleets; ${whole(counts.estimates)} estimates told enough.`
  if (best === undefined) return { paragraphs: [`NO: ${instead ?? 'nothing will do'}.`, looked] }
  const other =
    runnerUp === undefined
      ? []
      : [`With other cards the best is ${runnerUp.fleet.name}: ${runnerUp.lost.join('; ')}.`]
  return { paragraphs: [`${best.name}.`, `Why: ${reasons.join('; ')}.`, ...other, looked] }
}

const FRONT_SHOWN = 12

function frontSection({ front }: SearchReport): Section[] {
  if (front.length === 0) return []
  const shown = evenly(front, FRONT_SHOWN)
  const all = shown.length < front.length ? `; ${shown.length} of ${whole(front.length)}` : ''
  return [
    {
      title: `Best in one respect or another${all}`,
      table: {
        titles: ['to buy', 'an hour', 'Mtok out', 'tokens/s', 'users', 'alone, a token', 'fleet'],
        rows: shown.map((one) => [
          usd(one.upfrontUsd),
          usd(one.hourUsd),
          usd(one.outputMtokUsd),
          count(one.outputTokensPerSecond),
          whole(one.batch),
          duration(one.aloneTpotS),
          one.name,
        ]),
      },
    },
  ]
}

/** The first, the last, and others as far from each other as they can be. */
function evenly<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items
  return Array.from(
    { length: most },
    (_, at) => items[Math.round((at * (items.length - 1)) / (most - 1))],
  ).filter((item) => item !== undefined)
}

/** The answer of the plan has no title of its own. */
function underPlan(section: Section, at: number): Section {
  return at === 0 ? { ...section, title: 'The best as a plan' } : section
}
