/**
 * How the pairs of a dispatch are laid out for the kernel, and the numbers that follow from it:
 * slots, weights, tokens of pairs, places of results. Knows the frame and the page table, no graph.
 */
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord } from '../base/expert.js'
import type { Dispatch } from '../fabric/dispatch.js'
import type { PageTable } from '../pages/page-table.js'
import { weightCopies } from './expert-graph.js'
import { commonCount, type Groups, groupBySlot, orderRounds, type Rounds } from './order.js'
import type { PlacedGraph } from './placed-graph.js'

/**
 * From so many pairs per slot on, pairs are computed slot by slot (measured: even at 2, a tenth
 * faster at 4, 1.7 times as fast at 16; building the graph takes a millisecond).
 */
const GROUP_ROWS_MIN = 8

export type Arrangement = {
  /** Experts per token when all have the same number, else 0. */
  readonly perToken: number
  /** Of pairs that are added up and do not form a rectangle. */
  readonly rounds: Rounds | undefined
  /** Of pairs, in the order of the rounds, that are computed slot by slot. */
  readonly groups: Groups | undefined
}

export function arrange(
  dispatch: Dispatch,
  { table, canGroup }: { table: PageTable; canGroup: boolean },
): Arrangement {
  const { frame, counts, tokens, isSummed } = dispatch
  const perToken = commonCount(frame.u16, { from: counts, tokens })
  const rounds =
    perToken > 0 || !isSummed ? undefined : orderRounds(frame.u16.subarray(counts, counts + tokens))
  // A token chooses an expert once at most, so few tokens cannot fill a group.
  const groups =
    canGroup && tokens >= GROUP_ROWS_MIN ? groupPairs(dispatch, { table, rounds }) : undefined
  return { perToken, rounds, groups }
}

function groupPairs(
  { frame, experts, pairs }: Dispatch,
  { table, rounds }: { table: PageTable; rounds: Rounds | undefined },
): Groups | undefined {
  const slots = Int32Array.from({ length: pairs }, (_, at) => {
    const pair = rounds?.pairs[at] ?? at
    return table.slotOf(frame.u16[experts + pair] ?? 0)
  })
  return groupBySlot(slots, { slotCount: table.capacity, rowsMin: GROUP_ROWS_MIN })
}

/** Writes what the graph wants to know of the pairs. */
export function writePairs(
  placed: PlacedGraph,
  dispatch: Dispatch,
  how: { record: ExpertRecord; table: PageTable; arrangement: Arrangement },
): void {
  const { frame, experts, weights, pairs } = dispatch
  const { rounds, groups } = how.arrangement
  const isSorted = groups !== undefined && how.record.weights === 'before'
  const copies = weightCopies(how.record)
  for (let at = 0; at < pairs; at++) {
    const pair = rounds === undefined ? at : (rounds.pairs[at] ?? 0)
    if (placed.slots) placed.slots[at] = how.table.slotOf(frame.u16[experts + pair] ?? 0)
    if (!isSorted) setWeight(placed, at, { copies, weight: frame.f32[weights + pair] ?? 0 })
  }
  if (placed.rows && groups === undefined) fillTokens(placed.rows, { dispatch, rounds })
  if (groups !== undefined) writeGroups(placed, dispatch, { groups, rounds, isSorted, copies })
}

function writeGroups(
  placed: PlacedGraph,
  dispatch: Dispatch,
  {
    groups,
    rounds,
    isSorted,
    copies,
  }: { groups: Groups; rounds: Rounds | undefined; isSorted: boolean; copies: number },
): void {
  const { frame, weights, pairs } = dispatch
  const tokens = new Int32Array(pairs)
  fillTokens(tokens, { dispatch, rounds })
  for (let at = 0; at < pairs; at++) {
    const target = groups.pairs[at] ?? 0
    const pair = rounds === undefined ? target : (rounds.pairs[target] ?? 0)
    if (placed.targets) placed.targets[at] = target
    if (placed.rows) placed.rows[at] = tokens[target] ?? 0
    if (isSorted) setWeight(placed, at, { copies, weight: frame.f32[weights + pair] ?? 0 })
  }
}

function setWeight(
  { weights }: PlacedGraph,
  at: number,
  { copies, weight }: { copies: number; weight: number },
): void {
  weights?.fill(weight, at * copies, (at + 1) * copies)
}

/** The token of each pair: round by round, or as the dispatch has them, token by token. */
function fillTokens(
  target: Int32Array,
  { dispatch, rounds }: { dispatch: Dispatch; rounds: Rounds | undefined },
): void {
  let at = 0
  if (rounds !== undefined) {
    for (const size of rounds.sizes) {
      for (let token = 0; token < size; token++) target[at++] = rounds.tokens[token] ?? 0
    }
    return
  }
  const { frame, counts, tokens } = dispatch
  for (let token = 0; token < tokens; token++) {
    const end = at + (frame.u16[counts + token] ?? 0)
    target.fill(token, at, end)
    at = end
  }
}

/** Before a graph is built: a card without pages of this region could not build one. */
export function checkExperts(
  { frame, experts, pairs }: Dispatch,
  { table, layer }: { table: PageTable; layer: number },
): void {
  for (let pair = 0; pair < pairs; pair++) {
    const expert = frame.u16[experts + pair] ?? 0
    if (table.slotOf(expert) >= 0) continue
    throw new SputnikError(
      'PAGE_NOT_MAPPED',
      `expert ${expert} of layer ${layer} is not on this card`,
    )
  }
}
