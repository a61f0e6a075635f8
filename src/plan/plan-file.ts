/**
 * Reads the YAML or JSON files that people write for a plan and says what is wrong with a field by
 * its path. Knows no field itself.
 */
import { parseDocument } from 'yaml'
import type { z } from 'zod'
import { reasonOf, SputnikError } from '../base/errors.js'
import { nearText } from '../base/nearest.js'
import { show } from './quantity.js'

/** A file of a megabyte must not grow to gigabytes by naming a part of itself again and again. */
const ALIASES_MAX = 64

/**
 * Every JSON text is a YAML text. No tags, no duplicate keys, no merge keys.
 * @throws SputnikError PLAN_INVALID with line and column
 */
export function parsePlanText(text: string, source: string): unknown {
  const document = parseDocument(text, { schema: 'core', uniqueKeys: true, stringKeys: true })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem !== undefined) {
    const [line] = problem.message.split('\n')
    throw invalid(source, line ?? 'it is no YAML', problem)
  }
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX })
  } catch (error) {
    throw invalid(source, reasonOf(error), error)
  }
}

/**
 * `fields`: names that the file may use anywhere, to suggest one for a name that it may not.
 * @throws SputnikError PLAN_INVALID naming the field, what was read and how to write it
 */
export function checkPlan<T extends z.ZodType>(
  schema: T,
  value: unknown,
  { source, fields }: { readonly source: string; readonly fields: readonly string[] },
): z.output<T> {
  const parsed = schema.safeParse(value, { reportInput: true })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  if (issue === undefined) throw invalid(source, 'it is no plan')
  const path = writtenPath(value, issue.path)
  if (issue.code !== 'unrecognized_keys') {
    throw invalid(source, `${fieldName(path)} ${describe(issue)}`)
  }
  const [key = ''] = issue.keys
  throw invalid(source, `${fieldName([...path, key])} ${describeStranger(key, fields)}`)
}

/** Where a section is written short, as in `nic: 25 Gbit/s`, the file has no deeper field. */
function writtenPath(value: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] {
  let section = value
  for (const [depth, part] of path.entries()) {
    if (typeof section !== 'object' || section === null) return path.slice(0, depth)
    section = Reflect.get(section, part)
  }
  return path
}

function describeStranger(key: string, fields: readonly string[]): string {
  if (fields.includes(key)) return 'does not belong there'
  return `is no field of such a file${nearText(key, fields)}`
}

/** `domains[0].nic`. */
export function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the file'
  return path
    .map((part, i) =>
      typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`,
    )
    .join('')
}

export function invalid(source: string, problem: string, cause?: unknown): SputnikError {
  return new SputnikError('PLAN_INVALID', `${source}: ${problem}`, { source }, cause)
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === 'custom') return issue.message
  if (issue.input === undefined) return 'is missing'
  const is = `is ${show(issue.input)}`
  if (issue.code === 'invalid_type') return `${is}; it must be ${article(issue.expected)}`
  if (issue.code === 'invalid_value') return `${is}; it must be ${issue.values.join(' or ')}`
  if (issue.code === 'too_small') return `${is}; it must be at least ${issue.minimum}`
  if (issue.code === 'too_big') return `${is}; it must be at most ${issue.maximum}`
  return `${is}: ${issue.message}`
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section with fields',
}

function article(expected: string): string {
  return KINDS[expected] ?? expected
}
