/**
 * Turns a JSON Schema into GBNF whose texts are JSON that the schema accepts. Keywords that would
 * change the result and are not supported are refused by name. Knows nothing of tokens.
 */
import { badGrammar } from './gbnf.js'
import { count, refuse, unsupported } from './schema-keywords.js'
import { describeObject } from './schema-object.js'
import { patternToGbnf } from './schema-pattern.js'
import { decimalRange, integerRange, type Range } from './schema-ranges.js'
import { type JsonObject, SchemaResolver, schemaTypes } from './schema-resolve.js'
import type { RuleMaker } from './schema-rules.js'
import { characterCount, literal, STRING_FORMATS, STRING_RULES } from './schema-strings.js'

const RULES: Readonly<Record<string, string>> = {
  // Bounded, so that a model cannot fill its context with blanks.
  ws: '| " " | "\\n" [ \\t]{0,20}',
  value: 'object | array | string | number | boolean | null',
  object: '"{" ws (member ("," ws member)* ws)? "}"',
  member: 'string ws ":" ws value',
  array: '"[" ws (value ("," ws value)* ws)? "]"',
  string: '"\\"" char* "\\""',
  char: 'plain | "\\\\" (["\\\\/bfnrt] | "u" [0-9a-fA-F]{4})',
  plain: '[^"\\\\\\x7F\\x00-\\x1F]',
  integer: '"-"? ("0" | [1-9] [0-9]{0,15})',
  fraction: '"." [0-9]{1,16}',
  number: 'integer fraction? ([eE] [-+]? [0-9]{1,2})?',
  boolean: '"true" | "false"',
  null: '"null"',
  ...STRING_RULES,
}

const SCHEMA_DEPTH_MAX = 200
const RULES_MAX = 10_000

/** @throws SputnikError BAD_GRAMMAR */
export function schemaToGbnf(schema: unknown): string {
  return new SchemaCompiler(schema).compile()
}

class SchemaCompiler implements RuleMaker {
  readonly #resolver: SchemaResolver
  readonly #rules = new Map<string, string>()
  /** Rules of the places that references name. */
  readonly #references = new Map<string, string>()
  #depth = 0

  constructor(schema: unknown) {
    this.#resolver = new SchemaResolver(schema)
  }

  compile(): string {
    const root = this.rule(this.#resolver.root)
    const rules = [['root', `ws ${root} ws`] as const, ...this.#rules, ...Object.entries(RULES)]
    return rules.map(([name, body]) => `${name} ::= ${body}\n`).join('')
  }

  rule(schema: unknown): string {
    if (++this.#depth > SCHEMA_DEPTH_MAX) {
      throw badGrammar(`the schema is nested more than ${SCHEMA_DEPTH_MAX} levels`)
    }
    const name = this.#ruleOf(schema)
    this.#depth--
    return name
  }

  add(body: string, name = `r${this.#rules.size}`): string {
    if (this.#rules.size >= RULES_MAX) throw badGrammar('the schema is too large')
    this.#rules.set(name, body)
    return name
  }

  #ruleOf(schema: unknown): string {
    if (schema === true) return 'value'
    const target = this.#resolver.pureReference(schema)
    if (target === undefined) return this.#compileSchema(this.#resolver.flatten(schema))
    const known = this.#references.get(target)
    if (known !== undefined) return known
    // Named before it is compiled, so that it may contain itself.
    const name = this.add('""')
    this.#references.set(target, name)
    this.add(this.rule(this.#resolver.lookUp(target)), name)
    return name
  }

  #compileSchema(schema: JsonObject): string {
    const choices = this.#resolver.choices(schema)
    if (choices !== undefined) return this.add(choices.map((one) => this.rule(one)).join(' | '))
    if ('const' in schema) return this.add(literal(JSON.stringify(schema.const)))
    if (schema.enum !== undefined) return this.#enumeration(schema.enum)
    const types = schemaTypes(schema)
    if (types === undefined) return 'value'
    return types.length === 1 && types[0] !== undefined
      ? this.#compileType(types[0], schema)
      : this.add(types.map((type) => this.#compileType(type, schema)).join(' | '))
  }

  #enumeration(values: unknown): string {
    if (!Array.isArray(values) || values.length === 0) throw badGrammar('"enum" is no list')
    return this.add(values.map((value) => literal(JSON.stringify(value))).join(' | '))
  }

  #compileType(type: string, schema: JsonObject): string {
    switch (type) {
      case 'object':
        return describeObject(schema, this)
      case 'array':
        return this.#array(schema)
      case 'string':
        return this.#string(schema)
      case 'integer':
        return this.#number(schema, { isInteger: true })
      case 'number':
        return this.#number(schema, { isInteger: false })
      case 'boolean':
      case 'null':
        return type
      default:
        throw badGrammar(`"type" ${JSON.stringify(type)} is not known`)
    }
  }

  #array(schema: JsonObject): string {
    refuse(schema, ['contains', 'minContains', 'maxContains', 'unevaluatedItems'])
    if (schema.uniqueItems === true) throw unsupported('uniqueItems')
    const tuple = schema.prefixItems ?? (Array.isArray(schema.items) ? schema.items : undefined)
    if (Array.isArray(tuple) && tuple.length > 0) return this.#tuple(tuple, schema)
    const min = count(schema, 'minItems', 0)
    const max = schema.items === false ? 0 : count(schema, 'maxItems', Infinity)
    if (min > max) throw badGrammar('"minItems" is more than "maxItems"')
    if (max === 0) return this.add('"[" ws "]"')
    const item = this.rule(schema.items ?? true)
    const more = `("," ws ${item}){${Math.max(0, min - 1)},${max === Infinity ? '' : max - 1}}`
    const filled = `${item} ${more} ws`
    return this.add(`"[" ws ${min > 0 ? filled : `(${filled})?`} "]"`)
  }

  /** All places of a tuple are filled, and nothing follows them. */
  #tuple(places: readonly unknown[], schema: JsonObject): string {
    const length = places.length
    if (count(schema, 'minItems', 0) > length || count(schema, 'maxItems', length) < length) {
      throw badGrammar(`"minItems" and "maxItems" must allow the ${length} items of the tuple`)
    }
    const items = places.map((place) => this.rule(place))
    return this.add(`"[" ws ${items.join(' "," ws ')} ws "]"`)
  }

  #string(schema: JsonObject): string {
    refuse(schema, ['contentEncoding', 'contentMediaType', 'contentSchema'])
    const hasLength = 'minLength' in schema || 'maxLength' in schema
    const { pattern } = schema
    const format = typeof schema.format === 'string' ? STRING_FORMATS[schema.format] : undefined
    if (pattern !== undefined) {
      if (typeof pattern !== 'string') throw badGrammar('"pattern" is no text')
      if (hasLength || format !== undefined) throw unsupported('pattern beside length or format')
      return this.add(`"\\"" ${patternToGbnf(pattern)} "\\""`)
    }
    if (format !== undefined) {
      if (hasLength) throw unsupported('format beside length')
      return this.add(`"\\"" ${format} "\\""`)
    }
    if (!hasLength) return 'string'
    const min = count(schema, 'minLength', 0)
    const max = count(schema, 'maxLength', Infinity)
    if (min > max) throw badGrammar('"minLength" is more than "maxLength"')
    return this.add(`"\\"" ${characterCount(min, max)} "\\""`)
  }

  #number(schema: JsonObject, { isInteger }: { isInteger: boolean }): string {
    refuse(schema, ['multipleOf'])
    const range = numberRange(schema, isInteger)
    if (range.min === -Infinity && range.max === Infinity) return isInteger ? 'integer' : 'number'
    if (range.min > range.max) throw badGrammar('its bounds leave no number')
    return this.add(isInteger ? integerRange(range) : decimalRange(range))
  }
}

/** Inclusive bounds; for decimals only whole, inclusive ones can be written down. */
function numberRange(schema: JsonObject, isInteger: boolean): Range {
  const min = bound(schema, 'minimum', -Infinity)
  const max = bound(schema, 'maximum', Infinity)
  const above = bound(schema, 'exclusiveMinimum', -Infinity)
  const under = bound(schema, 'exclusiveMaximum', Infinity)
  if (isInteger) {
    return {
      min: Math.max(Math.ceil(min), Math.floor(above) + 1),
      max: Math.min(Math.floor(max), Math.ceil(under) - 1),
    }
  }
  if (above !== -Infinity) throw unsupported('exclusiveMinimum of a number')
  if (under !== Infinity) throw unsupported('exclusiveMaximum of a number')
  for (const edge of [min, max]) {
    if (Number.isFinite(edge) && !Number.isInteger(edge)) throw unsupported('a decimal bound')
  }
  return { min, max }
}

function bound(schema: JsonObject, name: string, otherwise: number): number {
  const value = schema[name]
  if (value === undefined) return otherwise
  if (typeof value === 'number' && Math.abs(value) < 1e15) return value
  throw badGrammar(`"${name}" is no number below 1e15`)
}
