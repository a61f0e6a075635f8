/**
 * Two constants per vendor, fitted to a few measured runs, and the error on all runs. Runs that are
 * not of the fit say how good predictions are; each run is also predicted by a fit to all others.
 */
import { defined } from '../../base/assert.js'
import { quantile } from '../../base/statistics.js'
import type { Vendor } from '../catalog/card.js'
import { EFFICIENCY, type Efficiency, type VendorEfficiency } from './efficiency.js'
import { MEASURED_RUNS, type MeasuredRun } from './measured.js'
import { type Prediction, predictRun } from './predict-run.js'

/** Vendors of the measured runs. */
const CALIBRATED_VENDORS = ['nvidia', 'amd'] as const satisfies readonly Vendor[]

export type CalibrationRow = {
  readonly run: MeasuredRun
  readonly predicted: Prediction
  /** Predicted over measured, less 1. */
  readonly tpotError: number
  readonly throughputError: number
  /** The same when the constants are fitted to all other runs of the vendor. */
  readonly leftOut: { readonly tpotError: number; readonly throughputError: number }
}

export type CalibrationTable = {
  readonly constants: readonly { readonly vendor: Vendor; readonly fitted: VendorEfficiency }[]
  readonly rows: readonly CalibrationRow[]
}

/** Steps of about an eighth and a third: errors are far larger than that. */
const COMPUTE_SHARES = Array.from({ length: 24 }, (_, at) => rounded(0.05 * 1.13 ** at))
const LAYER_S = Array.from({ length: 19 }, (_, at) => rounded(2.5e-6 * 1.4 ** at))

function rounded(value: number): number {
  return Number(value.toPrecision(2))
}

/** Takes seconds: every run is predicted with every pair of constants. */
export function calibrationTable(): CalibrationTable {
  const fits = CALIBRATED_VENDORS.map((vendor) => {
    const surface = errorSurface(vendor)
    const own = bestCell(surface, ({ isFitted }) => isFitted)
    const rows = runsOf(vendor).map((run) => {
      const others = bestCell(surface, (one) => one !== run)
      return rowOf(run, { fitted: own.fitted, leftOut: others.fitted })
    })
    return { vendor, fitted: own.fitted, rows }
  })
  return {
    constants: fits.map(({ vendor, fitted }) => ({ vendor, fitted })),
    rows: fits.flatMap(({ rows }) => rows),
  }
}

/** How many times more or less: 1.5 for half as much again and for a third less. */
export function factorOf(error: number): number {
  return Math.max(1 + error, 1 / (1 + error))
}

const FOUR_OF_FIVE = 0.8

/** Within which four of five runs of a vendor are in throughput, each left out of the fit. */
export function throughputSpreadOf({ rows }: CalibrationTable, vendor: Vendor): number {
  const own = rows.filter(({ run }) => run.card.vendor === vendor)
  return quantile(
    own.map(({ leftOut }) => factorOf(leftOut.throughputError)),
    FOUR_OF_FIVE,
  )
}

function runsOf(vendor: Vendor): readonly MeasuredRun[] {
  return MEASURED_RUNS.filter(({ card }) => card.vendor === vendor)
}

type Cell = {
  readonly fitted: VendorEfficiency
  /** Squared error of each run. */
  readonly errors: ReadonlyMap<MeasuredRun, number>
}

function errorSurface(vendor: Vendor): Cell[] {
  return COMPUTE_SHARES.flatMap((computeShare) =>
    LAYER_S.map((layerS) => {
      const fitted = { computeShare, layerS, isCalibrated: true }
      const errors = runsOf(vendor).map((run): [MeasuredRun, number] => {
        return [run, squaredError(run, predictRun(run, efficiencyWith(run, fitted)))]
      })
      return { fitted, errors: new Map(errors) }
    }),
  )
}

/** Of logarithms, so that half and double count the same. */
function squaredError(run: MeasuredRun, predicted: Prediction): number {
  const { tpotS, totalTokensPerSecondPerCard } = predicted
  const ratio = totalTokensPerSecondPerCard / run.totalTokensPerSecondPerCard
  return Math.log(tpotS / run.tpotS) ** 2 + Math.log(ratio) ** 2
}

function bestCell(surface: readonly Cell[], isUsed: (run: MeasuredRun) => boolean): Cell {
  let best: { readonly cell: Cell; readonly error: number } | undefined
  for (const cell of surface) {
    let error = 0
    for (const [run, squared] of cell.errors) if (isUsed(run)) error += squared
    if (error < (best?.error ?? Number.POSITIVE_INFINITY)) best = { cell, error }
  }
  return defined(best?.cell, 'cell of a fit')
}

function efficiencyWith({ card }: MeasuredRun, fitted: VendorEfficiency): Efficiency {
  return { ...EFFICIENCY, vendors: { ...EFFICIENCY.vendors, [card.vendor]: fitted } }
}

function rowOf(
  run: MeasuredRun,
  { fitted, leftOut }: { readonly fitted: VendorEfficiency; readonly leftOut: VendorEfficiency },
): CalibrationRow {
  const predicted = predictRun(run, efficiencyWith(run, fitted))
  const others = predictRun(run, efficiencyWith(run, leftOut))
  return { run, predicted, ...errorsOf(run, predicted), leftOut: errorsOf(run, others) }
}

function errorsOf(
  run: MeasuredRun,
  { tpotS, totalTokensPerSecondPerCard }: Prediction,
): { tpotError: number; throughputError: number } {
  return {
    tpotError: tpotS / run.tpotS - 1,
    throughputError: totalTokensPerSecondPerCard / run.totalTokensPerSecondPerCard - 1,
  }
}
