/** A folder of its own for a test, removed when the test process ends. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: string[] = []
process.once('exit', () => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true })
})

export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sputnik-test-'))
  made.push(directory)
  return directory
}
