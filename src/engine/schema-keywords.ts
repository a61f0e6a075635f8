/** Reads single keywords of a JSON Schema and refuses those that are not supported. */
import type { SputnikError } from '../base/errors.js'
import { badGrammar, GBNF_LIMITS } from './gbnf.js'
import type { JsonObject } from './schema-resolve.js'

/** A count of items or characters. */
export function count(schema: JsonObject, name: string, otherwise: number): number {
  const value = schema[name]
  if (value === undefined) return otherwise
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw badGrammar(`"${name}" is no count`)
  }
  if (name.endsWith('Items') && value > GBNF_LIMITS.repetitions) {
    throw badGrammar(`"${name}" is more than ${GBNF_LIMITS.repetitions}`)
  }
  return value
}

/** @throws SputnikError when the schema has one of these keywords */
export function refuse(schema: JsonObject, keywords: readonly string[]): void {
  const found = keywords.find((keyword) => schema[keyword] !== undefined)
  if (found !== undefined) throw unsupported(found)
}

export function unsupported(keyword: string): SputnikError {
  return badGrammar(`the schema uses "${keyword}", which is not supported`)
}
