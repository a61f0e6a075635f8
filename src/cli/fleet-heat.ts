/**
 * Who computes which expert how often, as a map for people: a line for each layer, a character for
 * each expert or for a few of them. Pure; knows nothing of servers and terminals.
 */
import { formatTable } from '../base/table.js'
import { coverageOf, loadOf } from '../fleet/expert-load.js'
import type { ExpertsAnswer, Layer } from './fleet-schema.js'
import { printable } from './printable.js'

/** Where lines may be as long as they like. */
const WIDTH_DEFAULT = 100
const CELLS_MIN = 8
const BUSIEST = 10
const COVERED_SHARE = 0.1

const NEVER = '·'
const NO_HOLDER = 'x'
/** Up to this multiple of a fair share; what is more is the last. */
const LEVELS = [
  [0.25, '▁'],
  [0.5, '▂'],
  [0.75, '▃'],
  [1.25, '▄'],
  [1.5, '▅'],
  [2, '▆'],
  [4, '▇'],
] as const
const MOST = '█'
const LEGEND = [
  'calls of each expert against its fair share:',
  '· never, ▁ to 1/4, ▂ to 1/2, ▃ to 3/4, ▄ about 1, ▅ to 3/2, ▆ to 2, ▇ to 4, █ more;',
  'x held by nobody',
]

const TIERS: Readonly<Record<string, string>> = { d: 'device', h: 'host' }

/** What `fleet experts` prints. */
export function formatExperts(view: ExpertsAnswer, width: number): string {
  if (view.layers.length === 0) return 'no experts'
  return [
    ...LEGEND,
    '',
    ...formatMap(view.layers, width),
    '',
    ...formatBalance(view.layers),
    ...formatBusiest(view),
  ].join('\n')
}

const nameOf = ({ layer, group }: Layer): string => `${layer}${printable(group)}`

function formatMap(layers: readonly Layer[], width: number): string[] {
  const most = Math.max(1, ...layers.map(({ calls }) => calls.length))
  const columns = Number.isFinite(width) ? width : WIDTH_DEFAULT
  const other = 'layer'.length + 2 + 2 + 'max/mean'.length + 2 + 'dead'.length
  const fold = Math.ceil(most / Math.max(CELLS_MIN, columns - other))
  const title = fold === 1 ? `${most} experts` : `${most} experts, ${fold} in each place`
  const rows = layers.map((layer) => {
    const { balance, dead } = loadOf(layer.calls)
    return [nameOf(layer), cellsOf(layer, fold), formatRatio(balance), String(dead)]
  })
  return formatTable(['layer', title, 'max/mean', 'dead'], rows)
}

function cellsOf({ calls, holders }: Layer, fold: number): string {
  const mean = loadOf(calls).calls / calls.length
  let cells = ''
  for (let at = 0; at < calls.length; at += fold) {
    const some = calls.slice(at, at + fold)
    const isMissing = holders.slice(at, at + fold).some((ids) => ids.length === 0)
    cells += isMissing ? NO_HOLDER : levelOf(loadOf(some).calls / some.length, mean)
  }
  return cells
}

function levelOf(calls: number, mean: number): string {
  if (calls === 0) return NEVER
  return LEVELS.find(([most]) => calls <= most * mean)?.[1] ?? MOST
}

function formatRatio(ratio: number | null): string {
  return ratio === null ? '-' : ratio.toFixed(2)
}

function formatBalance(layers: readonly Layer[]): string[] {
  const all = layers.flatMap(({ calls }) => calls)
  const { calls, dead } = loadOf(all)
  if (calls === 0) return ['no expert was called yet', formatHolders(layers)]
  const balances = layers.flatMap((layer) => {
    const { balance } = loadOf(layer.calls)
    return balance === null ? [] : [{ layer, balance }]
  })
  const mean = balances.reduce((sum, { balance }) => sum + balance, 0) / balances.length
  const worst = balances.reduce((a, b) => (b.balance > a.balance ? b : a))
  const covered = (100 * (coverageOf(all, COVERED_SHARE) ?? 0)).toFixed(0)
  return [
    `balance   max/mean ${mean.toFixed(2)} on average, ${worst.balance.toFixed(2)} in layer ${nameOf(worst.layer)}`,
    `coverage  the busiest 10 % of the experts take ${covered} % of the calls`,
    `dead      ${dead} of ${all.length} experts were never called`,
    formatHolders(layers),
  ]
}

/** How many experts have how many holders. */
function formatHolders(layers: readonly Layer[]): string {
  const counts = new Map<number, number>()
  for (const { length } of layers.flatMap(({ holders }) => holders)) {
    counts.set(length, (counts.get(length) ?? 0) + 1)
  }
  const parts = [...counts].sort(([a], [b]) => a - b)
  const texts = parts.map(([holders, experts]) => `${experts} with ${holders || 'none'}`)
  return `holders   experts ${texts.join(', ')}`
}

function formatBusiest({ layers, domains }: ExpertsAnswer): string[] {
  const names = new Map(domains.map(({ id, name }) => [id, printable(name)]))
  const all = layers.flatMap((layer) => {
    const mean = loadOf(layer.calls).calls / layer.calls.length
    return layer.calls.map((calls, expert) => ({ layer, expert, calls, share: calls / mean }))
  })
  const busiest = all.filter(({ calls }) => calls > 0).sort((a, b) => b.calls - a.calls)
  if (busiest.length === 0) return []
  const rows = busiest.slice(0, BUSIEST).map(({ layer, expert, calls, share }) => {
    const ids = layer.holders[expert] ?? []
    const tiers = layer.tiers[expert] ?? ''
    const held = ids.map((id, i) => `${names.get(id) ?? id} (${TIERS[tiers[i] ?? ''] ?? '?'})`)
    return [nameOf(layer), String(expert), String(calls), share.toFixed(2), held.join(', ') || '-']
  })
  return ['', ...formatTable(['layer', 'expert', 'calls', 'of fair share', 'holders'], rows)]
}
