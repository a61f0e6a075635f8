/**
 * Reads GBNF (grammars/README.md of llama.cpp) into a tree, with bounds on size and depth, so that
 * a grammar can be judged before the library sees it. Token references are refused.
 */
import { SputnikError } from '../base/errors.js'

export type GbnfNode =
  /** A literal or a character class: how many elements the library makes of it. */
  | { readonly kind: 'characters'; readonly count: number }
  | { readonly kind: 'reference'; readonly name: string }
  | { readonly kind: 'group'; readonly alternatives: readonly GbnfSequence[] }
  | {
      readonly kind: 'repeat'
      readonly item: GbnfNode
      readonly min: number
      /** Infinity without a limit. */
      readonly max: number
    }

export type GbnfSequence = readonly GbnfNode[]

export type GbnfRules = ReadonlyMap<string, readonly GbnfSequence[]>

export const GBNF_LIMITS = {
  /** Characters of the text. */
  length: 256 * 1024,
  /** Groups in groups; the library's parser recurses on a small stack. */
  depth: 64,
  /** The library takes larger limits for none. */
  repetitions: 2000,
} as const

/** @throws SputnikError BAD_GRAMMAR */
export function parseGbnf(text: string): GbnfRules {
  if (text.length > GBNF_LIMITS.length) {
    throw badGrammar(`it has more than ${GBNF_LIMITS.length} characters`)
  }
  return new Parser(text).parse()
}

export function badGrammar(reason: string): SputnikError {
  return new SputnikError('BAD_GRAMMAR', `the grammar cannot be used: ${reason}`)
}

class Parser {
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  parse(): GbnfRules {
    const rules = new Map<string, readonly GbnfSequence[]>()
    this.#skipSpace(true)
    while (this.#at < this.#text.length) {
      const name = this.#name()
      if (rules.has(name)) throw this.#error(`the rule ${name} is defined twice`)
      this.#skipSpace(false)
      this.#expect('::=')
      this.#skipSpace(true)
      rules.set(name, this.#alternatives(false))
      this.#endOfRule()
    }
    return rules
  }

  #endOfRule(): void {
    const next = this.#peek()
    if (next !== '' && next !== '\n' && next !== '\r') {
      throw this.#error('expected the end of the rule')
    }
    this.#skipSpace(true)
  }

  #alternatives(isNested: boolean): GbnfSequence[] {
    const alternatives = [this.#sequence(isNested)]
    while (this.#peek() === '|') {
      this.#at++
      this.#skipSpace(true)
      alternatives.push(this.#sequence(isNested))
    }
    return alternatives
  }

  #sequence(isNested: boolean): GbnfSequence {
    const nodes: GbnfNode[] = []
    for (;;) {
      const repeat = this.#repetition(isNested)
      if (repeat !== undefined) {
        const item = nodes.pop()
        if (item === undefined) throw this.#error('a repetition repeats nothing')
        nodes.push({ kind: 'repeat', item, ...repeat })
        continue
      }
      const node = this.#node()
      if (node === undefined) return nodes
      nodes.push(node)
      this.#skipSpace(isNested)
    }
  }

  #node(): GbnfNode | undefined {
    const next = this.#peek()
    if (next === '"') return this.#literal()
    if (next === '[') return this.#characterClass()
    if (next === '(') return this.#group()
    if (next === '<' || next === '!') throw this.#error('token references are not supported')
    if (next === '.') {
      this.#at++
      return { kind: 'characters', count: 1 }
    }
    if (/[a-zA-Z0-9-]/.test(next)) return { kind: 'reference', name: this.#name() }
    return undefined
  }

  #literal(): GbnfNode {
    this.#at++
    let count = 0
    while (this.#peek() !== '"') {
      this.#character()
      count++
    }
    this.#at++
    return { kind: 'characters', count }
  }

  #characterClass(): GbnfNode {
    this.#at++
    if (this.#peek() === '^') this.#at++
    let count = 0
    while (this.#peek() !== ']') {
      this.#character()
      count++
      if (this.#peek() === '-' && this.#text[this.#at + 1] !== ']') {
        this.#at++
        this.#character()
        count++
      }
    }
    if (count === 0) throw this.#error('an empty character class')
    this.#at++
    return { kind: 'characters', count }
  }

  #group(): GbnfNode {
    this.#at++
    if (++this.#depth > GBNF_LIMITS.depth) {
      throw this.#error(`more than ${GBNF_LIMITS.depth} groups in one another`)
    }
    this.#skipSpace(true)
    const alternatives = this.#alternatives(true)
    this.#expect(')')
    this.#depth--
    return { kind: 'group', alternatives }
  }

  /** `*`, `+`, `?`, `{m}`, `{m,}` or `{m,n}`, if one is next. */
  #repetition(isNested: boolean): { min: number; max: number } | undefined {
    const next = this.#peek()
    const simple = { '*': [0, Infinity], '+': [1, Infinity], '?': [0, 1] }[next]
    if (simple !== undefined) {
      this.#at++
      this.#skipSpace(isNested)
      return { min: simple[0] ?? 0, max: simple[1] ?? 0 }
    }
    return next === '{' ? this.#counts(isNested) : undefined
  }

  #counts(isNested: boolean): { min: number; max: number } {
    this.#at++
    this.#skipSpace(isNested)
    const min = this.#integer()
    this.#skipSpace(isNested)
    let max = min
    if (this.#peek() === ',') {
      this.#at++
      this.#skipSpace(isNested)
      max = /[0-9]/.test(this.#peek()) ? this.#integer() : Infinity
      this.#skipSpace(isNested)
    }
    this.#expect('}')
    this.#skipSpace(isNested)
    if (max < min) throw this.#error(`a repetition from ${min} to ${max}`)
    return { min, max }
  }

  #integer(): number {
    const digits = /^[0-9]{1,9}/.exec(this.#text.slice(this.#at, this.#at + 9))?.[0]
    if (digits === undefined) throw this.#error('expected a number')
    this.#at += digits.length
    const value = Number(digits)
    if (value > GBNF_LIMITS.repetitions) {
      throw this.#error(`more than ${GBNF_LIMITS.repetitions} repetitions`)
    }
    return value
  }

  /** One character of a literal or a class, escaped or not. */
  #character(): void {
    const next = this.#peek()
    if (next === '') throw this.#error('it ends inside a literal')
    if (next === '\0') throw this.#error('a NUL character')
    if (next !== '\\') {
      this.#at += (this.#text.codePointAt(this.#at) ?? 0) > 0xffff ? 2 : 1
      return
    }
    const rest = this.#text.slice(this.#at, this.#at + 10)
    const escaped = /^\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[trn\\"[\]-])/.exec(rest)
    if (escaped === null) throw this.#error('an unknown escape')
    this.#at += escaped[0].length
  }

  #name(): string {
    const start = this.#at
    while (/[a-zA-Z0-9-]/.test(this.#peek())) this.#at++
    if (this.#at === start) throw this.#error('expected a rule name')
    return this.#text.slice(start, this.#at)
  }

  #expect(token: string): void {
    if (!this.#text.startsWith(token, this.#at)) throw this.#error(`expected ${token}`)
    this.#at += token.length
  }

  #peek(): string {
    return this.#text[this.#at] ?? ''
  }

  #skipSpace(newlines: boolean): void {
    for (;;) {
      const next = this.#peek()
      if (next === ' ' || next === '\t' || (newlines && (next === '\n' || next === '\r'))) {
        this.#at++
      } else if (next === '#') {
        while (!['', '\n', '\r'].includes(this.#peek())) this.#at++
      } else {
        return
      }
    }
  }

  #error(reason: string): SputnikError {
    const line = this.#text.slice(0, this.#at).split('\n').length
    return badGrammar(`${reason} (line ${line})`)
  }
}
