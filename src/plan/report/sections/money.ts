/** What it costs, against whom it wins or loses, and what will be left of it. */
import type { Section } from '../../../chart/html-page.js'
import { count, duration, months, percent, times, usd } from '../../numbers.js'
import type { Alternative, PlanCost, PlanResult, SpeedRow } from '../plan.js'

const HOW: Readonly<Record<PlanCost['how'], string>> = {
  own: 'owned',
  rent: 'rented, by the catalogue',
  given: 'rented, as the file says',
}

export function costSection({ cost }: PlanResult): Section {
  const table = { titles: ['what', 'dollars', 'how'], rows: costRows(cost) }
  return { title: 'What it costs', table }
}

function costRows(cost: PlanCost): string[][] {
  const { own, outputMtokSpread, paidShare, confidence } = cost
  const rows = [['an hour', usd(cost.hourUsd), `${HOW[cost.how]}; ${confidence}`]]
  if (own !== undefined) {
    rows.push(['  capital', usd(own.capitalUsd), `of ${usd(cost.upfrontUsd)} at the start`])
    rows.push(['  maintenance', usd(own.maintenanceUsd), ''])
    rows.push(['  energy', usd(own.energyUsd), ''])
    if (own.colocationUsd > 0) rows.push(['  colocation', usd(own.colocationUsd), ''])
  }
  const busy = paidShare < 1 ? `working ${percent(paidShare)} of the day` : 'always working'
  rows.push(['Mtok, output alone', usd(cost.outputMtokUsd), busy])
  rows.push(['Mtok, prompts too', usd(cost.totalMtokUsd), busy])
  if (outputMtokSpread !== undefined) {
    const { median, low, high } = outputMtokSpread
    const range = `90 % from ${usd(low)} to ${usd(high)}`
    rows.push(['Mtok out, by resale', usd(median), `middle of many futures, ${range}`])
  }
  for (const { card, usd: value, unit, source } of cost.prices) {
    rows.push([`price: ${card}`, usd(value), unit === 'USD' ? source : `an hour; ${source}`])
  }
  return rows
}

export function marginSection({ cost: { margin, hourUsd } }: PlanResult): Section[] {
  if (margin === undefined) return []
  const { incomeHourUsd, grossMargin, markup, breakEvenOutputUsd, prices } = margin
  const verdict = grossMargin < 0 ? 'NO: every token sold loses money. ' : ''
  const asked = `At ${usd(prices.outputUsd)} a million output tokens and ${usd(prices.inputUsd)} in`
  return [
    {
      title: 'What it earns',
      paragraphs: [
        `${verdict}${asked}, an hour brings ${usd(incomeHourUsd)} and costs ${usd(hourUsd)}: a gross ` +
          `margin of ${percent(grossMargin)} (markup ${percent(markup)}). Nothing is left at ` +
          `${usd(breakEvenOutputUsd)} a million output tokens.`,
      ],
    },
  ]
}

export function alternativesSection(result: PlanResult): Section[] {
  const { alternatives } = result
  if (alternatives.length === 0) return []
  return [
    {
      title: 'Against others',
      table: {
        titles: ['', 'an hour', 'tokens/s', 'a token', 'Mtok out', 'here', 'ties at', 'earned in'],
        rows: [hereRow(result), ...alternatives.map(alternativeRow)],
      },
    },
  ]
}

export function speedsSection({ alternatives, bySpeed }: PlanResult): Section[] {
  if (alternatives.length === 0) return []
  return [
    {
      title: 'By the speed of a user',
      paragraphs: [
        'Cheapest million output tokens where everybody gets at least so many a second.',
      ],
      table: {
        titles: ['tokens/s', 'here', ...alternatives.map(({ name }) => name), 'cheapest'],
        rows: bySpeed.map((row) => speedRow(row, alternatives)),
      },
    },
  ]
}

function hereRow({ cost, speed }: PlanResult): string[] {
  const { outputTokensPerSecond, tpotS } = speed.reference
  const speeds = [count(outputTokensPerSecond), duration(tpotS)]
  return ['this fleet', usd(cost.hourUsd), ...speeds, usd(cost.outputMtokUsd), '', '', '']
}

function alternativeRow({ name, hourUsd, best, comparison, problem }: Alternative): string[] {
  if (best === undefined || comparison === undefined) {
    return [name, usd(hourUsd), '-', '-', '-', problem ?? '', '', '']
  }
  const { costRatio, tieTokensPerSecond, tieUtilisation, breakEvenMonths } = comparison
  return [
    name,
    usd(hourUsd),
    count(best.outputTokensPerSecond),
    duration(best.tpotS),
    usd(best.outputMtokUsd),
    ratioText(costRatio),
    `${count(tieTokensPerSecond)} tokens/s`,
    tieUtilisation === undefined
      ? '-'
      : breakEvenMonths === undefined
        ? 'never'
        : months(breakEvenMonths),
  ]
}

function ratioText(costRatio: number): string {
  if (costRatio === 0) return 'free'
  return costRatio > 1 ? `${times(costRatio)} dearer` : `${times(1 / costRatio)} cheaper`
}

function speedRow(row: SpeedRow, alternatives: readonly Alternative[]): string[] {
  const offers = [
    { name: 'here', mtokUsd: row.outputMtokUsd },
    ...alternatives.map(({ id, name }) => ({
      name,
      mtokUsd: row.alternatives.find((one) => one.id === id)?.outputMtokUsd,
    })),
  ]
  const known = offers.flatMap(({ name, mtokUsd }) =>
    mtokUsd === undefined ? [] : [{ name, mtokUsd }],
  )
  const cheapest = known.reduce((a, b) => (b.mtokUsd < a.mtokUsd ? b : a), {
    name: '-',
    mtokUsd: Number.POSITIVE_INFINITY,
  })
  const cells = offers.map(({ mtokUsd }) => (mtokUsd === undefined ? 'too slow' : usd(mtokUsd)))
  return [String(row.userTokensPerSecond), ...cells, cheapest.name]
}

const MONTHS_SHOWN = [12, 24, 36, 48, 60] as const

export function valueSection({ value }: PlanResult): Section[] {
  if (value === undefined) return []
  const title = 'What it will be worth'
  const rents = `Such cards rent for ${usd(value.rentHourUsd)} an hour; running them costs ${usd(value.cashHourUsd)} in cash`
  if (value.months.length === 0) {
    return [{ title, paragraphs: [`NO: ${rents}. Nobody can earn anything with them.`] }]
  }
  return [
    {
      title,
      paragraphs: [
        `${rents}. Share of the value of today, by many ways in which rents may go (fitted to the H100's).`,
      ],
      table: {
        titles: ['after', 'middle', 'least (5 %)', 'most (95 %)', 'not worth running'],
        rows: value.months
          .filter(({ month }) => MONTHS_SHOWN.some((shown) => shown === month))
          .map(({ month, median, low, high, offShare }) => [
            months(month),
            ...[median, low, high, offShare].map(percent),
          ]),
      },
    },
  ]
}

export function sensitivitySection({ sensitivity }: PlanResult): Section[] {
  if (sensitivity.length === 0) return []
  return [
    {
      title: 'What the cost hangs on',
      table: {
        titles: ['what', 'Mtok out, least', 'most'],
        rows: sensitivity.map(({ name, low, high }) => [
          name,
          ...[Math.min(low, high), Math.max(low, high)].map(usd),
        ]),
      },
    },
  ]
}
