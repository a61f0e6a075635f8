/** The calibration as a page of the docs. */
import { median } from '../../base/statistics.js'
import type { CalibrationRow, CalibrationTable } from './calibration.js'
import type { MeasuredRun } from './measured.js'

const INTRODUCTION = `# How far estimates are from measurements

Two constants per vendor are fitted: the share of a card's dense rate that its kernels reach, and the
seconds that each layer takes whatever its load. All others are fixed (\`src/plan/cost/efficiency.ts\`).
Runs marked *fit* were used for that; the others were not, and their errors tell what to expect. The
last two columns predict each run with constants fitted to all other runs of its vendor. An error is
predicted over measured, less 1: -50 % is half, +100 % is twice as much.

All runs are of DeepSeek-R1 on data-centre cards, from the InferenceX benchmark. Nothing here was
measured on a home card or over Ethernet: there the constants of NVIDIA's cards are a guess. This page
is what \`sputnik plan --calibration\` prints.`

const ASSUMPTIONS = `## What is assumed of the runs

- TPOT is predicted for as many sequences in decode as there were by Little's law; throughput for a
  closed loop of as many users as there were, from the cards alone. Throughput counts prompt and answer.
- Where it is not told how cards were divided between prefill and decode, the model takes the best
  division; the number of cards follows from Little's law, in whole hosts.
- Programs that draft keep 0.85 of one drafted token (arXiv 2412.19437, section 5.4.3, has 85 to 90 %).
  Runs in 4 bits on NVIDIA's cards are taken to draft, all others not.
- Attention and shared weights in 8 bits; KV cache in 8 bits where experts have 4, else in 16.
- Dispatch in 8 bits, combine in 16, hidden behind computation where that is faster. Data parallel
  attention, never tensor parallel: runs of few users over many cards suffer from that.
- Left out of that source: the B300, which is not in the catalogue, and best figures for 1,024 tokens
  in and out, which do not tell how many users there were.
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

function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n')
}

function constantsTable({ constants, rows }: CalibrationTable): string {
  const cells = constants.map(({ vendor, fitted }) => {
    const own = rows.filter(({ run }) => run.card.vendor === vendor)
    const used = own.filter(({ run }) => run.isFitted)
    const micros = (fitted.layerS * 1e6).toFixed(0)
    return [vendor, `${fitted.computeShare}`, `${micros} us`, `${used.length} of ${own.length}`]
  })
  return markdownTable(['vendor', 'share of dense rate', 'per layer', 'runs used'], cells)
}

function errorTable({ rows }: CalibrationTable): string {
  const titles = ['run', 'cards', 'users', '', 'TPOT ms', 'predicted', 'error']
  const more = ['tok/s per card', 'predicted', 'error', 'TPOT left out', 'tok/s left out']
  return markdownTable([...titles, ...more], rows.map(errorCells))
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
  return median(errors.map(ratio)).toFixed(2)
}

function worst(rows: readonly CalibrationRow[]): string {
  const ratios = rows.flatMap(({ tpotError, throughputError }) => {
    return [ratio(tpotError), ratio(throughputError)]
  })
  return Math.max(...ratios).toFixed(2)
}

function ratio(error: number): number {
  return Math.max(1 + error, 1 / (1 + error))
}
