/**
 * Leaves out points that a picture cannot show. Knows nothing of what they mean.
 */

export type Pixel = { readonly x: number; readonly y: number }

/** Points kept of each pixel column: where the line enters, its extremes, where it leaves. */
const PER_COLUMN = 4

/**
 * Points in order of x of which no more than four lie in one pixel column; a series that has no
 * more than four points a column on average is kept as it is, also in its order.
 */
export function thin<T extends Pixel>(points: readonly T[], columns: number): readonly T[] {
  if (points.length <= PER_COLUMN * columns) return points
  const byColumn = new Map<number, T[]>()
  for (const point of points.toSorted((a, b) => a.x - b.x)) {
    const column = Math.floor(point.x)
    const kept = byColumn.get(column)
    if (kept === undefined) byColumn.set(column, [point])
    else keep(kept, point)
  }
  return [...byColumn.values()].flat()
}

/** `kept` is the first point, the extremes in the order they came in, and the last point. */
function keep<T extends Pixel>(kept: T[], point: T): void {
  kept.push(point)
  const [, a, b, c, last] = kept
  if (a === undefined || b === undefined || c === undefined || last === undefined) return
  kept.splice(isBetween(a, b, c) ? 1 : isBetween(b, a, c) ? 2 : 3, 1)
}

function isBetween(one: Pixel, a: Pixel, b: Pixel): boolean {
  return (one.y - a.y) * (one.y - b.y) <= 0
}
