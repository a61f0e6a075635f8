/** GBNF for the contents of JSON strings: formats, names that are taken, lengths. */
import { badGrammar, GBNF_LIMITS } from './gbnf.js'
import type { RuleMaker } from './schema-rules.js'

/** A GBNF literal for a text. */
export function literal(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

/** Contents of the formats of RFC 3339 and RFC 4122; others are annotations only. */
export const STRING_FORMATS: Readonly<Record<string, string>> = {
  date: 'date',
  time: 'time',
  'date-time': 'date "T" time',
  uuid: 'hex{8} "-" hex{4} "-" hex{4} "-" hex{4} "-" hex{12}',
}

export const STRING_RULES: Readonly<Record<string, string>> = {
  hex: '[0-9a-f]',
  date:
    '[0-9]{4} "-" (("0" [13578] | "1" [02]) "-" (day28 | "29" | "3" [01]) | ' +
    '("0" [469] | "11") "-" (day28 | "29" | "30") | "02-" day28)',
  day28: '"0" [1-9] | "1" [0-9] | "2" [0-8]',
  time: 'hour ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,9})? ("Z" | [+-] hour ":" [0-5] [0-9])',
  hour: '[01] [0-9] | "2" [0-3]',
}

/** A step of the lengths above the library's limit for one repetition. */
const CHUNK = 100

/** `min` to `max` characters; `max` may be infinite. */
export function characterCount(min: number, max: number): string {
  const { repetitions } = GBNF_LIMITS
  if (min > repetitions) throw badGrammar(`"minLength" is more than ${repetitions}`)
  if (max === Infinity) return `char{${min},}`
  if (max <= repetitions) return `char{${min},${max}}`
  const chunks = Math.floor((max - min) / CHUNK)
  const rest = (max - min) % CHUNK
  if (chunks > repetitions) throw badGrammar(`"maxLength" is more than ${repetitions * CHUNK}`)
  const chunk = `(char{${CHUNK}})`
  const shorter = `${chunk}{0,${chunks - 1}} char{0,${CHUNK - 1}}`
  return `char{${min}} (${shorter} | ${chunk}{${chunks}} char{0,${rest}})`
}

/**
 * Rule for the contents of a string that is none of `names`, as a tree of their letters. Escapes
 * are left out, because they could spell a name in another way.
 */
export function noneOf(names: readonly string[], rules: RuleMaker): string {
  return below(
    names.map((name) => [...JSON.stringify(name).slice(1, -1)]),
    rules,
  )
}

function below(tails: ReadonlyArray<readonly string[]>, rules: RuleMaker): string {
  const firsts = new Set(tails.flatMap((tail) => tail.slice(0, 1)))
  const isTaken = tails.some((tail) => tail.length === 0)
  if (firsts.size === 0) return isTaken ? 'plain+' : 'plain*'
  const parts = [`[^"\\\\\\x7F\\x00-\\x1F${[...firsts].map(classCharacter).join('')}] plain*`]
  for (const first of firsts) {
    // An escape in a name: the strings here have none, so nothing with it needs to be excluded.
    if (first === '\\') continue
    const next = tails.filter((tail) => tail[0] === first).map((tail) => tail.slice(1))
    parts.push(`${literal(first)} ${below(next, rules)}`)
  }
  if (!isTaken) parts.push('""')
  return rules.add(parts.join(' | '))
}

/** A character as it is written in a class. */
export function classCharacter(character: string): string {
  return /[!-/:-@[-`{-~]/.test(character)
    ? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
    : character
}
