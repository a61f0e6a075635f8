/** Runs `sputnik sim network` as people do, in a folder of its own. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scratchDirectory } from '../support/scratch.js'

export const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
export const folder = scratchDirectory()

export function network(...args: readonly string[]) {
  const all = [MAIN, 'sim', 'network', ...args]
  const { stdout, stderr, status } = spawnSync(process.execPath, all, { cwd: folder })
  return { out: String(stdout), err: String(stderr), status }
}

/** Writes a file there. */
export function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return name
}
