/**
 * Turns what a schema finds wrong into the error a client can act on. Knows nothing of the
 * parameters themselves.
 */
import type { z } from 'zod'
import { SputnikError } from '../base/errors.js'

/** Throws UNSUPPORTED_PARAM for unknown names and BAD_PARAM for bad values, naming the first. */
export function validate<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  if (issue === undefined) throw badParam('body', 'is not valid')
  if (issue.code === 'unrecognized_keys') {
    const param = formatPath([...issue.path, issue.keys[0] ?? ''])
    const text = `the parameter \`${param}\` is unknown or not supported`
    throw new SputnikError('UNSUPPORTED_PARAM', text, { param })
  }
  throw badParam(formatPath(issue.path), issue.message)
}

/** `problem` continues the sentence that begins with the parameter's name. */
export function badParam(param: string, problem: string): SputnikError {
  return new SputnikError('BAD_PARAM', `\`${param}\`: ${problem}`, { param })
}

function formatPath(path: readonly PropertyKey[]): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += text === '' ? String(part) : `.${String(part)}`
  }
  return text === '' ? 'body' : text.slice(0, 200)
}
