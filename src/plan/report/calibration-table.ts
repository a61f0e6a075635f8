/** The calibration as a page of the docs. */
import { median } from '../../base/statistics.js'
import {
  type CalibrationRow,
  type CalibrationTable,
  factorOf,
  throughputSpreadOf,
} from '../cost/calibration.js'
import type { MeasuredRun } from '../cost/measured.js'
import { tableMarkdown } from './page-text.js'

const INTRODUCTION = `# How far estimates are from measurements

Two constants per vendor are fitted: the share of a card's dense rate that its kernels reach, and the
seconds that each layer takes whatever its load. All others are fixed (\`src/plan/cost/efficiency.ts\`).
Runs marked *fit* were used for that; the others were not, and their errors tell what to expect. The
last two columns predict each run with constants fitted to all other runs of its vendor. An error is
predicted over measured, less 1: -50 % is half, +100 % is twice as much.

Runs are of DeepSeek-R1, and of gpt-oss-120b where their names end in \`oss\`, on data-centre cards,
from the InferenceX benchmark (December 2025 to May 2026). Nothing here was measured on a home card or
over Ethernet: there the constants of NVIDIA's cards are a guess. \`plan\` holds a rack to the run that
is most like what it has it do, and shows a spread where there is none. This page is what \`sputnik plan --calibration\` prints.`

const ASSUMPTIONS = `## What is assumed of the runs

- TPOT is predicted for as many sequences in decode as there were by Little's law; throughput for a
  closed loop of as many users as there were, from the cards alone. Throughput counts prompt and answer.
- Where it is not told how cards were divided between prefill and decode, the model takes the best
  division; the number of cards follows from Little's law, in whole hosts.
- Programs that draft keep 0.85 of one drafted token (arXiv 2412.19437, section 5.4.3, has 85 to 90 %).
  Runs of DeepSeek-R1 in 4 bits on NVIDIA's cards are taken to draft, all others not.
- DeepSeek-R1: attention and shared weights in 8 bits; KV cache in 8 bits where experts have 4, else
  in 16. gpt-oss-120b: experts in MXFP4, all else in 16 bits.
- Dispatch in 8 bits, combine in 16, hidden behind computation where that is faster. Data parallel
  attention, never tensor parallel: runs of few users over many cards suffer from that.
- Left out of that source: the B300, which is not in the catalogue.
- The best runs of a card are the best of those tried: many stop at 64 users, where the cards still
  have room. That a plan promises more tokens per second than the best run is no error by itself; that
  the same run is predicted too fast is one. So predictions are compared at the users of the run.
- DeepSeek-R1 in 8 bits on Hopper is predicted 1.1 to 2 times too fast, on Blackwell in 4 bits up to
  1.7 times too slow: one share of the dense rate does for both, and their programs differ.
- No queues, no time between steps on the host: many users on few cards suffer from that.`

/** For programs: cards by their ids. */
export function calibrationRecord({ constants, rows }: CalibrationTable): object {
  return {
    constants,
    rows: rows.map(({ run, ...row }) => ({ run: { ...run, card: run.card.id }, ...row })),
  }
}

export function calibrationMarkdown(table: CalibrationTable): string {
  return `${[
    INTRODUCTION,
    constantsTable(table),
    errorTable(table),
    summary(table),
    ASSUMPTIONS,
  ].join('\n\n')}\n`
}

function constantsTable(table: CalibrationTable): string {
  const { constants, rows } = table
  const cells = constants.map(({ vendor, fitted }) => {
    const own = rows.filter(({ run }) => run.card.vendor === vendor)
    const used = own.filter(({ run }) => run.isFitted)
    const micros = (fitted.layerS * 1e6).toFixed(0)
    const spread = `${throughputSpreadOf(table, vendor).toFixed(1)} times`
    return [
      vendor,
      `${fitted.computeShare}`,
      `${micros} us`,
      `${used.length} of ${own.length}`,
      spread,
    ]
  })
  const titles = ['vendor', 'share of dense rate', 'per layer', 'runs used', '4 of 5 within']
  return tableMarkdown({ titles, rows: cells })
}

function errorTable({ rows }: CalibrationTable): string {
  const titles = ['run', 'cards', 'users', '', 'TPOT ms', 'predicted', 'error']
  const more = ['tok/s per card', 'predicted', 'error', 'TPOT left out', 'tok/s left out']
  return tableMarkdown({ titles: [...titles, ...more], rows: rows.map(errorCells) })
}

function errorCells({ run, predicted, ...errors }: CalibrationRow): string[] {
  return [
    run.id,
    cardsText(run),
    `${run.concurrency}`,
    run.isFitted ? '*fit*' : '',
    (run.tpotS * 1000).toFixed(1),
    (predicted.tpotS * 1000).toFixed(1),
    percent(errors.tpotError),
    run.totalTokensPerSecondPerCard.toFixed(0),
    predicted.totalTokensPerSecondPerCard.toFixed(0),
    percent(errors.throughputError),
    percent(errors.leftOut.tpotError),
    percent(errors.leftOut.throughputError),
  ]
}

function cardsText({ cards }: MeasuredRun): string {
  if (cards.kind === 'together') return `${cards.cards}`
  if (cards.kind === 'any-split') return `${cards.cards} divided`
  return `${cards.prefill} + ${cards.decode} by ${cards.groupCards}`
}

function percent(error: number): string {
  return `${error < 0 ? '' : '+'}${(100 * error).toFixed(0)} %`
}

function summary({ rows }: CalibrationTable): string {
  const held = rows.filter(({ run }) => !run.isFitted)
  const middle = (
    of: (row: CalibrationRow) => number,
    from: readonly CalibrationRow[] = held,
  ): string => factor(from.map(of))
  return [
    `Runs not used (${held.length}): half of them are within a factor of`,
    `${middle(({ tpotError }) => tpotError)} in TPOT and`,
    `${middle(({ throughputError }) => throughputError)} in throughput; the worst is off by`,
    `${worst(held)}. Each run left out in turn (${rows.length}):`,
    `${middle(({ leftOut }) => leftOut.tpotError, rows)} and`,
    `${middle(({ leftOut }) => leftOut.throughputError, rows)}.`,
  ].join(' ')
}

/** The median ratio, the larger over the smaller. */
function factor(errors: readonly number[]): string {
  return median(errors.map(factorOf)).toFixed(2)
}

function worst(rows: readonly CalibrationRow[]): string {
  const ratios = rows.flatMap(({ tpotError, throughputError }) => {
    return [factorOf(tpotError), factorOf(throughputError)]
  })
  return Math.max(...ratios).toFixed(2)
}
