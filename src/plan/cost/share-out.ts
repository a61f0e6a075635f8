/** Shares a total among hosts by their speed, as far as their room goes. */

/** `count` hosts that are alike; limit and weight are of one of them. */
export type Room = { readonly limit: number; readonly weight: number; readonly count: number }

/**
 * What one host of each room gets, by weight; what is over a limit goes to the others. The same as
 * the fleet's `makeQuotas` does with every host by itself, in one go for those that are alike.
 */
export function shareOut(total: number, rooms: readonly Room[]): number[] {
  const shares = new Array<number>(rooms.length).fill(0)
  const order = rooms
    .map((room, at) => ({ room, at }))
    .sort((a, b) => a.room.limit / a.room.weight - b.room.limit / b.room.weight || a.at - b.at)
  let weightLeft = rooms.reduce((sum, { weight, count }) => sum + weight * count, 0)
  let left = total
  for (const { room, at } of order) {
    const share = Math.min(room.limit, (left * room.weight) / weightLeft)
    shares[at] = share
    left -= share * room.count
    weightLeft -= room.weight * room.count
  }
  return shares
}

export function roomOf(rooms: readonly Room[]): number {
  return rooms.reduce((sum, { limit, count }) => sum + limit * count, 0)
}
