/** How well speeds are known: by measured runs, or by how far estimates of others were off. */
import type { Section } from '../../../chart/html-page.js'
import { count, duration } from '../../numbers.js'
import type { Plan, PlanResult, Sureness } from '../plan.js'

export function surenessSection({ speed, fleet, alternatives }: Plan & PlanResult): Section {
  const here = { ...speed, name: 'this fleet', cards: fleet.cards, best: speed.reference }
  const all = [here, ...alternatives]
  const isHeld = all.some(({ measured }) => measured !== undefined)
  return {
    title: 'How sure the speeds are',
    ...(isHeld && {
      paragraphs: [
        'Tokens per second and card, prompts too, of a measured run, and of the estimate of that run: ' +
          'all times here are longer by the factor between. Where users to a card are many more ' +
          'here than in the run, nothing was measured.',
      ],
    }),
    table: {
      titles: [
        '',
        'measured',
        'estimate',
        'factor',
        'date',
        'bits',
        'a token',
        'users each',
        'here',
      ],
      rows: all.flatMap(sureRow),
    },
  }
}

type Sure = Sureness & {
  readonly name: string
  readonly cards: number
  readonly best?: { readonly batch: number }
}

function sureRow({ name, measured, throughputSpread, cards, best }: Sure): string[][] {
  const usersEach = best === undefined ? '-' : count(best.batch / cards)
  if (measured === undefined) {
    if (throughputSpread === undefined) return []
    return [
      [name, 'no run', '-', `within ${count(throughputSpread)}`, '-', '-', '-', '-', usersEach],
    ]
  }
  return [
    [
      name,
      count(measured.totalTokensPerSecondPerCard),
      count(measured.predictedTokensPerSecondPerCard),
      count(measured.ratio),
      measured.date,
      measured.format === 'fp4' ? '4' : '8',
      duration(measured.tpotS),
      count(measured.users / measured.cards),
      usersEach,
    ],
  ]
}
