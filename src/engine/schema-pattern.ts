/**
 * Turns the simple part of regular expressions (ECMA-262, as JSON Schema uses them) into GBNF for
 * the contents of a JSON string. What would need escapes, and anything beyond letters, classes,
 * groups, alternatives and repetitions, is refused.
 */
import { badGrammar } from './gbnf.js'
import { classCharacter, literal } from './schema-strings.js'

/** Never allowed unescaped inside a JSON string. */
const FORBIDDEN = '"\\\\\\x7F\\x00-\\x1F'

const CLASSES: Readonly<Record<string, string>> = {
  d: '0-9',
  w: 'a-zA-Z0-9_',
  // A tab or a line end would need an escape.
  s: ' ',
}

export function patternToGbnf(pattern: string): string {
  return new PatternParser(pattern).parse()
}

class PatternParser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  parse(): string {
    const isAnchoredLeft = this.#text.startsWith('^')
    const isAnchoredRight = /(?<!\\)(?:\\\\)*\$$/.test(this.#text)
    if ((isAnchoredLeft || isAnchoredRight) && this.#hasTopLevelBar()) {
      throw this.#refuse('an anchor beside alternatives')
    }
    if (isAnchoredLeft) this.#at = 1
    const end = this.#text.length - Number(isAnchoredRight)
    const body = this.#alternatives(end)
    if (this.#at !== end) throw this.#refuse('an unmatched )')
    const before = isAnchoredLeft ? '' : 'char* '
    const after = isAnchoredRight ? '' : ' char*'
    return `${before}(${body})${after}`
  }

  #hasTopLevelBar(): boolean {
    let depth = 0
    let isInClass = false
    for (let i = 0; i < this.#text.length; i++) {
      const next = this.#text[i]
      if (next === '\\') i++
      else if (isInClass) isInClass = next !== ']'
      else if (next === '[') isInClass = true
      else if (next === '(') depth++
      else if (next === ')') depth--
      else if (next === '|' && depth === 0) return true
    }
    return false
  }

  #alternatives(end: number): string {
    const parts = [this.#sequence(end)]
    while (this.#at < end && this.#text[this.#at] === '|') {
      this.#at++
      parts.push(this.#sequence(end))
    }
    return parts.join(' | ')
  }

  #sequence(end: number): string {
    const parts: string[] = []
    while (this.#at < end && this.#text[this.#at] !== '|' && this.#text[this.#at] !== ')') {
      parts.push(this.#atom(end) + this.#quantifier())
    }
    return parts.length === 0 ? '""' : parts.join(' ')
  }

  #atom(end: number): string {
    const next = this.#take()
    switch (next) {
      case '(':
        return this.#group(end)
      case '[':
        return this.#class()
      case '.':
        return `[^${FORBIDDEN}]`
      case '\\':
        return this.#escaped()
      case '^':
      case '$':
      case '*':
      case '+':
      case '?':
      case '{':
      case '"':
        throw this.#refuse(next)
      default:
        return literal(next)
    }
  }

  #group(end: number): string {
    if (this.#text.startsWith('?:', this.#at)) this.#at += 2
    else if (this.#text[this.#at] === '?') throw this.#refuse('(?')
    const body = this.#alternatives(end)
    if (this.#at >= end || this.#take() !== ')') throw this.#refuse('a group without end')
    return `(${body})`
  }

  #class(): string {
    const isNegative = this.#text[this.#at] === '^'
    if (isNegative) this.#at++
    let body = ''
    while (this.#text[this.#at] !== ']') {
      const low = this.#classItem()
      const isRange = this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']'
      if (!isRange) {
        body += low.text
        continue
      }
      this.#at++
      const high = this.#classItem()
      const dash = low.isSet || high.isSet ? '\\x2d' : '-'
      body += low.text + dash + high.text
    }
    this.#at++
    if (body === '') throw this.#refuse('[]')
    return isNegative ? `[^${FORBIDDEN}${body}]` : `[${body}]`
  }

  /** One character of a class, or a set such as `\\d`. */
  #classItem(): { readonly text: string; readonly isSet: boolean } {
    const next = this.#take()
    if (next === '"' || next.charCodeAt(0) < 0x20) throw this.#refuse(`${next} in a class`)
    if (next !== '\\') return { text: classCharacter(next), isSet: false }
    const name = this.#take()
    const known = CLASSES[name]
    if (known !== undefined) return { text: known, isSet: true }
    if (/[a-zA-Z0-9"\\]/.test(name)) throw this.#refuse(`\\${name} in a class`)
    return { text: classCharacter(name), isSet: false }
  }

  #escaped(): string {
    const next = this.#take()
    const known = CLASSES[next]
    if (known !== undefined) return `[${known}]`
    const negated = CLASSES[next.toLowerCase()]
    if (negated !== undefined) return `[^${FORBIDDEN}${negated}]`
    if (/[a-zA-Z0-9"\\]/.test(next)) throw this.#refuse(`\\${next}`)
    return literal(next)
  }

  #quantifier(): string {
    const rest = this.#text.slice(this.#at)
    const found = /^(?:[*+?]|\{\d{1,4}(?:,\d{0,4})?\})/.exec(rest)?.[0] ?? ''
    this.#at += found.length
    // A lazy repetition matches the same strings.
    if (found !== '' && this.#text[this.#at] === '?') this.#at++
    return found
  }

  #take(): string {
    const code = this.#text.codePointAt(this.#at)
    if (code === undefined) throw this.#refuse('an unfinished expression')
    const character = String.fromCodePoint(code)
    this.#at += character.length
    return character
  }

  #refuse(what: string): Error {
    return badGrammar(`"pattern" with ${what} is not supported: ${this.#text}`)
  }
}
