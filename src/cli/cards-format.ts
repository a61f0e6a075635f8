/** Figures of the catalogue as people read them. Pure. */
import { formatBytes } from '../base/units.js'
import type { Figure, Price } from '../plan/catalog/card.js'
import type { Rack } from '../plan/catalog/racks.js'

/** `2250000000000000 FLOP/s` as `2250 TFLOP/s`. */
export function formatFigure({ value, unit }: Pick<Figure, 'value' | 'unit'>): string {
  switch (unit) {
    case 'B':
      return formatBytes(value)
    case 'B/s':
      return `${short(value / 1e9)} GB/s`
    case 'Hz':
      return formatClock(value)
    case 'FLOP/s':
      return formatRate(value)
    case 'USD':
      return `$${value.toLocaleString('en-US')}`
    case 'USD/h':
      return `$${value.toFixed(2)}/h`
    case 'count':
      return String(value)
    default:
      return `${short(value)} ${unit}`
  }
}

export function formatClock(hertz: number): string {
  return `${(hertz / 1e9).toFixed(3)} GHz`
}

export function formatRate(flopsPerSecond: number): string {
  return `${short(flopsPerSecond / 1e12)} TFLOP/s`
}

/** At most one digit after the point, two below ten; none where there is nothing to say. */
export function short(value: number): string {
  return String(Number(value.toFixed(value < 10 ? 2 : 1)))
}

/** `1,024`: counts of FLOP are read in powers of two. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** `recalled, data sheet of the vendor`. */
export function formatSource({ source, trust }: Figure): string {
  return `${trust}: ${source}`
}

export function formatPriceName({ kind, venue, date }: Price): string {
  return `${kind} price, ${venue}, ${date}`
}

export function formatRackSize({ cards, scaleUp }: Rack): string {
  return scaleUp.cards === cards ? `${cards}` : `${cards} by ${scaleUp.cards}`
}
