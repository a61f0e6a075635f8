/** Finds names like one that was mistyped. Pure. */

/** Up to `count` of `names`, the likest first; those too unlike `name` are left out. */
export function nearestNames(name: string, names: readonly string[], count = 3): string[] {
  const wanted = plain(name)
  return names
    .map((candidate) => ({ candidate, cost: unlikeness(wanted, plain(candidate)) }))
    .filter(({ cost }) => cost < 0.6)
    .sort((a, b) => a.cost - b.cost)
    .slice(0, count)
    .map(({ candidate }) => candidate)
}

/** `; near: rtx-5090, rtx-5080`, as the end of a sentence; empty when nothing is like it. */
export function nearText(name: string, names: readonly string[]): string {
  const near = nearestNames(name, names)
  return near.length === 0 ? '' : `; near: ${near.join(', ')}`
}

/** Letters and digits in lower case: `RTX 5090` is `rtx-5090` to a person. */
export function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** 0 for equal names, 1 for names without anything in common; a part of a name is near it. */
function unlikeness(wanted: string, candidate: string): number {
  if (wanted === '' || candidate === '') return 1
  const longest = Math.max(wanted.length, candidate.length)
  const distance = editDistance(wanted, candidate) / longest
  return candidate.includes(wanted) ? distance / 2 : distance
}

/** Fewest insertions, deletions and exchanges of letters (Levenshtein), row by row. */
export function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const exchanged = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(exchanged, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    above = row
  }
  return above[b.length] ?? 0
}
