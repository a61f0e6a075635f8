/** A folder of its own for a test, removed when the test process ends. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sputnik-test-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}
