/**
 * GBNF for objects: properties in the order of the schema, optional ones may be left out, others
 * follow when the schema says so.
 */
import { badGrammar } from './gbnf.js'
import { count, refuse, unsupported } from './schema-keywords.js'
import { isJsonObject, type JsonObject } from './schema-resolve.js'
import type { RuleMaker } from './schema-rules.js'
import { literal, noneOf } from './schema-strings.js'

type Property = { readonly rule: string; readonly isRequired: boolean }

const REFUSED = [
  'patternProperties',
  'propertyNames',
  'dependentRequired',
  'dependentSchemas',
  'dependencies',
] as const

/** Name of a rule for objects of a schema. */
export function describeObject(schema: JsonObject, compiler: RuleMaker): string {
  refuse(schema, REFUSED)
  const { unevaluatedProperties } = schema
  if (unevaluatedProperties !== undefined && unevaluatedProperties !== false) {
    throw unsupported('unevaluatedProperties')
  }
  const entries = propertyEntries(schema)
  if (entries.length === 0 && allowsAnything(schema)) return 'object'
  const required = new Set(requiredNames(schema))
  const properties = entries.map(([name, value]) => ({
    rule: compiler.add(`${literal(JSON.stringify(name))} ws ":" ws ${compiler.rule(value)}`),
    isRequired: required.has(name),
  }))
  const other = otherMember(schema, { names: entries.map(([name]) => name), compiler })
  checkCounts(schema, { total: other === undefined ? entries.length : Infinity, required })
  const members = firstMembers(properties, other, compiler)
  return compiler.add(members === '' ? '"{" ws "}"' : `"{" ws ${members} "}"`)
}

function allowsAnything(schema: JsonObject): boolean {
  const { additionalProperties, properties, minProperties, maxProperties } = schema
  if (minProperties !== undefined || maxProperties !== undefined) return false
  return additionalProperties === true || (additionalProperties ?? properties) === undefined
}

/** Stated properties, then required ones that are not stated. */
function propertyEntries(schema: JsonObject): Array<readonly [string, unknown]> {
  const stated = schema.properties ?? {}
  if (!isJsonObject(stated)) throw badGrammar('"properties" is no object')
  const others = requiredNames(schema).filter((name) => !Object.hasOwn(stated, name))
  if (others.length > 0 && schema.additionalProperties === false) {
    throw badGrammar(`the required property "${others[0]}" is not allowed`)
  }
  const otherSchema = schema.additionalProperties ?? true
  return [...Object.entries(stated), ...others.map((name) => [name, otherSchema] as const)]
}

function requiredNames(schema: JsonObject): string[] {
  const names = schema.required ?? []
  if (!Array.isArray(names)) throw badGrammar('"required" is no list')
  return [...new Set(names.map(String))]
}

/** Rule of a member that is not stated; only where the schema asks for such members. */
function otherMember(
  schema: JsonObject,
  { names, compiler }: { names: readonly string[]; compiler: RuleMaker },
): string | undefined {
  const { additionalProperties } = schema
  if (additionalProperties === undefined || additionalProperties === false) return undefined
  const value = compiler.rule(additionalProperties)
  const name = names.length === 0 ? 'char*' : noneOf(names, compiler)
  return compiler.add(`"\\"" ${name} "\\"" ws ":" ws ${value}`)
}

function checkCounts(
  schema: JsonObject,
  { total, required }: { total: number; required: ReadonlySet<string> },
): void {
  if (count(schema, 'minProperties', 0) > required.size) throw unsupported('minProperties')
  if (count(schema, 'maxProperties', Infinity) < total) throw unsupported('maxProperties')
}

/** What stands between the braces; each part knows whether a comma must come before it. */
function firstMembers(
  properties: readonly Property[],
  other: string | undefined,
  compiler: RuleMaker,
): string {
  // Built from the end: `tail` is what may follow behind a member.
  let tail = other === undefined ? '' : compiler.add(`("," ws ${other})*`)
  let first = other === undefined ? [] : [`${other} ${tail}`]
  let isEmptyAllowed = true
  for (const { rule, isRequired } of [...properties].reverse()) {
    const start = `${rule} ${tail}`
    first = isRequired ? [start] : [start, ...first]
    isEmptyAllowed &&= !isRequired
    tail = compiler.add(isRequired ? `"," ws ${start}` : `("," ws ${rule})? ${tail}`)
  }
  if (first.length === 0) return ''
  const members = `(${first.join(' | ')}) ws`
  return isEmptyAllowed ? `(${members})?` : members
}
