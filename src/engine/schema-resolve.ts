/**
 * Finds what a JSON Schema means at one place: references inside the document, `allOf` and the
 * schemas around `anyOf`, joined into one object of keywords. Knows nothing of grammars.
 */
import { badGrammar } from './gbnf.js'

export type JsonObject = { readonly [key: string]: unknown }

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Keywords that say nothing about which values are accepted. */
const ANNOTATIONS = new Set([
  '$schema',
  '$id',
  '$anchor',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'example',
  'deprecated',
  'readOnly',
  'writeOnly',
  'discriminator',
  'strict',
  'name',
])

/** Keywords understood by the compiler or refused by it where they matter. */
const KNOWN = new Set([
  ...['type', 'enum', 'const', 'format', 'pattern', 'minLength', 'maxLength', 'multipleOf'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'items', 'prefixItems'],
  ...['minItems', 'maxItems', 'uniqueItems', 'contains', 'minContains', 'maxContains'],
  ...['properties', 'required', 'additionalProperties', 'patternProperties', 'propertyNames'],
  ...['minProperties', 'maxProperties', 'dependentRequired', 'dependentSchemas', 'dependencies'],
  ...['unevaluatedProperties', 'unevaluatedItems', 'contentEncoding', 'contentMediaType'],
  ...['contentSchema', 'anyOf', 'oneOf', 'allOf', '$ref', 'nullable'],
])

const JOIN_DEPTH_MAX = 32

export class SchemaResolver {
  readonly root: unknown

  constructor(root: unknown) {
    this.root = root
  }

  /** The reference of a schema that has nothing else to say. */
  pureReference(schema: unknown): string | undefined {
    if (!isJsonObject(schema) || typeof schema.$ref !== 'string') return undefined
    const others = Object.keys(schema).filter((key) => key !== '$ref' && !ANNOTATIONS.has(key))
    return others.length === 0 ? schema.$ref : undefined
  }

  /** The schema a reference such as `#/$defs/node` names. */
  lookUp(reference: string): unknown {
    if (!reference.startsWith('#')) {
      throw badGrammar(`"$ref" ${reference} leads out of the schema`)
    }
    let place: unknown = this.root
    for (const part of reference.slice(1).split('/').slice(1)) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
      const isThere = typeof place === 'object' && place !== null && Object.hasOwn(place, key)
      if (!isThere) throw badGrammar(`"$ref" ${reference} leads nowhere`)
      place = (place as JsonObject)[key]
    }
    return place
  }

  /** A schema without `$ref` and `allOf` at its top. */
  flatten(schema: unknown, depth = 0): JsonObject {
    if (depth > JOIN_DEPTH_MAX) throw badGrammar('"allOf" or "$ref" without end')
    if (schema === true) return {}
    if (!isJsonObject(schema)) throw badGrammar('a schema is no object')
    checkKeywords(schema)
    const { $ref, allOf, ...rest } = schema
    const parts: unknown[] = []
    if ($ref !== undefined) parts.push(this.lookUp(String($ref)))
    if (allOf !== undefined) {
      if (!Array.isArray(allOf)) throw badGrammar('"allOf" is no list')
      parts.push(...allOf)
    }
    return parts.reduce<JsonObject>((all, part) => join(all, this.flatten(part, depth + 1)), rest)
  }

  /** The alternatives of `anyOf` or `oneOf`, each joined with what stands beside them. */
  choices(schema: JsonObject): JsonObject[] | undefined {
    const { anyOf, oneOf, nullable, ...rest } = schema
    if (anyOf !== undefined && oneOf !== undefined) throw badGrammar('"anyOf" beside "oneOf"')
    const list = anyOf ?? oneOf
    if (list === undefined) {
      return nullable === true ? [rest, { type: 'null' }] : undefined
    }
    if (!Array.isArray(list) || list.length === 0) throw badGrammar('"anyOf" or "oneOf" is no list')
    const base = Object.fromEntries(Object.entries(rest).filter(([key]) => !ANNOTATIONS.has(key)))
    // Left as it is where nothing is to be joined: it may be a reference to itself.
    if (Object.keys(base).length === 0) return list as JsonObject[]
    return list.map((one) => join(base, this.flatten(one)))
  }
}

function checkKeywords(schema: JsonObject): void {
  const unknown = Object.keys(schema).find((key) => !KNOWN.has(key) && !ANNOTATIONS.has(key))
  if (unknown === undefined || unknown.startsWith('x-')) return
  throw badGrammar(`the schema uses "${unknown}", which is not supported`)
}

/** Both schemas at once; keywords that both have must agree or be joinable. */
function join(a: JsonObject, b: JsonObject): JsonObject {
  checkClosed(a, b)
  checkClosed(b, a)
  const joined: Record<string, unknown> = { ...a }
  for (const [key, value] of Object.entries(b)) {
    joined[key] = key in a ? joinKeyword(key, a[key], value) : value
  }
  return joined
}

/** A closed schema allows none of the properties that only the other one states. */
function checkClosed(closed: JsonObject, other: JsonObject): void {
  if ((closed.additionalProperties ?? true) === true || !isJsonObject(other.properties)) return
  const own = isJsonObject(closed.properties) ? closed.properties : {}
  const stranger = Object.keys(other.properties).find((name) => !Object.hasOwn(own, name))
  if (stranger === undefined) return
  throw badGrammar(`"additionalProperties" forbids "${stranger}", which is stated beside it`)
}

function joinKeyword(key: string, a: unknown, b: unknown): unknown {
  if (ANNOTATIONS.has(key) || JSON.stringify(a) === JSON.stringify(b)) return a
  if (key === 'required' && Array.isArray(a) && Array.isArray(b)) return [...a, ...b]
  if (key === 'properties' && isJsonObject(a) && isJsonObject(b)) return joinProperties(a, b)
  if (key === 'additionalProperties' && (a === false || b === false)) return false
  if (key.startsWith('min') || key === 'exclusiveMinimum') return Math.max(Number(a), Number(b))
  if (key.startsWith('max') || key === 'exclusiveMaximum') return Math.min(Number(a), Number(b))
  throw badGrammar(`"allOf" joins two different "${key}"`)
}

function joinProperties(a: JsonObject, b: JsonObject): JsonObject {
  const joined: Record<string, unknown> = { ...a }
  for (const [name, value] of Object.entries(b)) {
    joined[name] = name in a ? { allOf: [a[name], value] } : value
  }
  return joined
}

/** Types a schema asks for, stated or implied by its keywords; undefined: any value. */
export function schemaTypes(schema: JsonObject): string[] | undefined {
  const { type } = schema
  if (Array.isArray(type) && type.length > 0) return type.map(String)
  if (type !== undefined) return [String(type)]
  const implied = Object.entries(IMPLIED).find(([, keywords]) =>
    keywords.some((keyword) => keyword in schema),
  )
  return implied === undefined ? undefined : [implied[0]]
}

const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems', 'contains'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
}
