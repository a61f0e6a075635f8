/** Which source files a source file needs, for tests of what must not be loaded. */
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { specifiersOf } from '../tidy/imports.js'

/** Paths from the root of the repository of a file and all it imports, types included. */
export function importedFrom(path: string): string[] {
  const found = new Set<string>()
  const waiting = [path]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next)) continue
    found.add(next)
    waiting.push(...ownImports(next))
  }
  return [...found]
}

function ownImports(path: string): string[] {
  return specifiersOf(readFileSync(path, 'utf8'))
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts'))
}
