/** Gives whatever a step threw inside a native call the form of our errors. */
import { SputnikError } from '../base/errors.js'

export function stepError(error: unknown): SputnikError | undefined {
  if (error === undefined || error instanceof SputnikError) return error
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return new SputnikError('INTERNAL', `a step failed: ${text}`, {}, error)
}
