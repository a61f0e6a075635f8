/** Writes a file that a command was asked for. */
import { writeFileSync } from 'node:fs'
import { SputnikError } from '../base/errors.js'
import { dim } from './report.js'

/** @throws SputnikError OUTPUT_UNWRITABLE */
export function writeOutput(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new SputnikError('OUTPUT_UNWRITABLE', `${path}: ${reason}`, { path }, error)
  }
  process.stderr.write(`${dim(`wrote ${path}`)}\n`)
}
