/** A small JSON Schema validator, written for the tests alone and unlike the compiler. */

type Schema = boolean | { readonly [key: string]: unknown }

export function isValid(value: unknown, schema: Schema, root: Schema = schema): boolean {
  if (typeof schema === 'boolean') return schema
  const valid = (inner: unknown, against: unknown): boolean =>
    isValid(inner, against as Schema, root)
  const list = (key: string): unknown[] => (schema[key] as unknown[] | undefined) ?? []
  const number = (key: string, otherwise: number): number =>
    (schema[key] as number | undefined) ?? otherwise
  if (typeof schema.$ref === 'string' && !valid(value, lookUp(root, schema.$ref))) return false
  if ('const' in schema && JSON.stringify(value) !== JSON.stringify(schema.const)) return false
  const text = JSON.stringify(value)
  if ('enum' in schema && !list('enum').some((one) => JSON.stringify(one) === text)) return false
  if (!list('allOf').every((one) => valid(value, one))) return false
  if ('anyOf' in schema && !list('anyOf').some((one) => valid(value, one))) return false
  if ('oneOf' in schema && list('oneOf').filter((one) => valid(value, one)).length !== 1) {
    return false
  }
  const types = [schema.type ?? []].flat() as string[]
  if (types.length > 0 && !types.some((type) => isOfType(value, type))) return false
  if (typeof value === 'string') {
    const { length } = [...value]
    if (length < number('minLength', 0) || length > number('maxLength', Infinity)) return false
    if ('pattern' in schema && !new RegExp(String(schema.pattern), 'u').test(value)) return false
  }
  if (typeof value === 'number') {
    if (value < number('minimum', -Infinity) || value > number('maximum', Infinity)) return false
    if (value <= number('exclusiveMinimum', -Infinity)) return false
    if (value >= number('exclusiveMaximum', Infinity)) return false
  }
  if (Array.isArray(value)) {
    const places = list('prefixItems')
    if (value.length < number('minItems', 0) || value.length > number('maxItems', Infinity)) {
      return false
    }
    return value.every((item, i) => valid(item, places[i] ?? schema.items ?? true))
  }
  if (typeof value === 'object' && value !== null) {
    const properties = (schema.properties ?? {}) as Record<string, unknown>
    if (!list('required').every((name) => Object.hasOwn(value, String(name)))) return false
    return Object.entries(value).every(([name, inner]) =>
      valid(
        inner,
        Object.hasOwn(properties, name) ? properties[name] : (schema.additionalProperties ?? true),
      ),
    )
  }
  return true
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'null') return value === null
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') {
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  }
  return typeof value === type
}

function lookUp(root: Schema, reference: string): Schema {
  let place: unknown = root
  for (const key of reference.split('/').slice(1)) place = (place as Record<string, unknown>)[key]
  return place as Schema
}
