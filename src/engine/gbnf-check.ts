/**
 * Refuses grammars on which libllama's grammar engine (src/llama-grammar.cpp) would abort, recurse
 * without end or take exponential time. Knows nothing of what a grammar is for.
 */
import { badGrammar, GBNF_LIMITS, type GbnfNode, type GbnfRules, parseGbnf } from './gbnf.js'

/** Elements after repetitions are written out. */
const ELEMENTS_MAX = 200_000

/** The library's search for left recursion follows every path anew. */
const PATHS_MAX = 1_000_000

/** @throws SputnikError BAD_GRAMMAR */
export function checkGbnf(text: string): void {
  if (text.includes('\0')) throw badGrammar('a NUL character')
  const rules = parseGbnf(text)
  if (!rules.has('root')) throw badGrammar('there is no rule named root')
  checkReferences(rules)
  const nullable = findNullable(rules)
  checkRepetitions(rules, nullable)
  checkElements(rules)
  checkLeftRecursion(rules, nullable)
}

function checkReferences(rules: GbnfRules): void {
  for (const node of allNodes(rules)) {
    if (node.kind === 'reference' && !rules.has(node.name)) {
      throw badGrammar(`the rule ${node.name} is not defined`)
    }
  }
}

/** Repeating what may be empty is left recursion in disguise. */
function checkRepetitions(rules: GbnfRules, nullable: ReadonlySet<string>): void {
  for (const node of allNodes(rules)) {
    if (node.kind === 'repeat' && node.max > 1 && isNullable(node.item, nullable)) {
      throw badGrammar('a repetition of something that may be empty')
    }
  }
}

function* allNodes(rules: GbnfRules): Generator<GbnfNode> {
  for (const alternatives of rules.values()) {
    for (const sequence of alternatives) {
      for (const node of sequence) yield* withinNode(node)
    }
  }
}

function* withinNode(node: GbnfNode): Generator<GbnfNode> {
  yield node
  if (node.kind === 'repeat') yield* withinNode(node.item)
  if (node.kind !== 'group') return
  for (const sequence of node.alternatives) {
    for (const inner of sequence) yield* withinNode(inner)
  }
}

/** Rules that may match the empty text: the least fixed point. */
function findNullable(rules: GbnfRules): Set<string> {
  const nullable = new Set<string>()
  for (let size = -1; size !== nullable.size; ) {
    size = nullable.size
    for (const [name, alternatives] of rules) {
      if (alternatives.some((sequence) => sequence.every((node) => isNullable(node, nullable)))) {
        nullable.add(name)
      }
    }
  }
  return nullable
}

function isNullable(node: GbnfNode, nullable: ReadonlySet<string>): boolean {
  switch (node.kind) {
    case 'characters':
      return node.count === 0
    case 'reference':
      return nullable.has(node.name)
    case 'repeat':
      return node.min === 0 || isNullable(node.item, nullable)
    case 'group':
      return node.alternatives.some((sequence) =>
        sequence.every((inner) => isNullable(inner, nullable)),
      )
  }
}

function checkElements(rules: GbnfRules): void {
  let total = 0
  const measure = (node: GbnfNode): number => {
    const size = elementsOf(node, measure)
    total += size
    if (total > ELEMENTS_MAX) throw badGrammar('its repetitions make it too large')
    return size
  }
  for (const alternatives of rules.values()) {
    for (const sequence of alternatives) sequence.forEach(measure)
  }
}

/** Elements that a node leaves in its rule; rules made for it are counted by `measure`. */
function elementsOf(node: GbnfNode, measure: (node: GbnfNode) => number): number {
  switch (node.kind) {
    case 'characters':
      return node.count
    case 'reference':
      return 1
    case 'group':
      for (const sequence of node.alternatives) sequence.forEach(measure)
      return 1
    case 'repeat': {
      const times = node.max === Infinity ? node.min + 1 : node.max
      return measure(node.item) * Math.max(times, 1) + 3 * Math.min(times, GBNF_LIMITS.repetitions)
    }
  }
}

/** Follows the leftmost references of each rule; a rule that reaches itself never matches. */
function checkLeftRecursion(rules: GbnfRules, nullable: ReadonlySet<string>): void {
  const paths = new Map<string, number | 'open'>()
  let total = 0
  const countPaths = (name: string): number => {
    const known = paths.get(name)
    if (known === 'open') throw badGrammar(`the rule ${name} is left-recursive`)
    if (known !== undefined) return known
    paths.set(name, 'open')
    let count = 1
    for (const sequence of rules.get(name) ?? []) count += leftmostPaths(sequence)
    total += count
    if (total > PATHS_MAX) throw badGrammar('too many of its rules begin with the same rules')
    paths.set(name, count)
    return count
  }
  const leftmostPaths = (sequence: readonly GbnfNode[]): number => {
    let count = 0
    for (const node of sequence) {
      count += nodePaths(node)
      if (!isNullable(node, nullable)) break
    }
    return count
  }
  const nodePaths = (node: GbnfNode): number => {
    if (node.kind === 'reference') return countPaths(node.name)
    if (node.kind === 'repeat') {
      const paths = nodePaths(node.item) + 1
      // A rule for each repetition that may be left out, each searched on its own.
      total += paths * (node.max === Infinity ? 1 : node.max - node.min)
      return paths
    }
    if (node.kind !== 'group') return 0
    return node.alternatives.reduce((sum, sequence) => sum + leftmostPaths(sequence), 1)
  }
  for (const name of rules.keys()) countPaths(name)
}
