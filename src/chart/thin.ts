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

/** `kept` is the first point, the extremes in order of their arrival, and the last point. */
function keep<T extends Pixel>(kept: T[], point: T): void {
  kept.push(point)
  if (kept.length <= PER_COLUMN) return
  const inner = kept.slice(1, -1)
  const least = Math.min(...inner.map(({ y }) => y))
  const most = Math.max(...inner.map(({ y }) => y))
  const low = inner.findIndex(({ y }) => y === least)
  const high = inner.findIndex(({ y }, i) => y === most && i !== low)
  const drop = inner.findIndex((_, i) => i !== low && i !== high)
  kept.splice(1 + drop, 1)
}
