/** Which folder of `src` may import which, and that no files import each other. */

import { posix } from 'node:path'
import { defined } from '../../src/base/assert.js'
import type { SourceFile } from './repository.js'

/** Each folder may import from itself and from those before it. */
export const FOLDERS: readonly string[] = [
  'base',
  'chart',
  'gguf',
  'native',
  'fabric',
  'pages',
  'card',
  'domain',
  'fleet',
  'engine',
  'server',
  'plan',
  'sim',
  'cli',
]

/** These meet only in the messages of `fabric`. */
const STRANGERS: ReadonlyArray<readonly [string, string]> = [
  ['fleet', 'card'],
  ['card', 'fleet'],
  ['fleet', 'domain'],
]

/** The server talks to an engine process, so it may know the messages and nothing else. */
const ENGINE_FILES_OF_SERVER: readonly string[] = ['src/engine/protocol.ts']

const FOREIGN_FUNCTIONS = 'koffi'

/** Problems with the imports of one file, given the packages that the project depends on. */
export function importProblems(file: SourceFile, packages: ReadonlySet<string>): string[] {
  return specifiersOf(file.text).flatMap((specifier) => {
    const problem = specifier.startsWith('.')
      ? checkOwn(file.path, posix.join(posix.dirname(file.path), specifier))
      : checkForeign(file.path, specifier, packages)
    return problem === undefined ? [] : [`${file.path}: '${specifier}' ${problem}`]
  })
}

/**
 * Files that import each other, directly or around a circle, types included: who is in one cannot
 * be understood or moved without all others. `a.ts -> b.ts -> a.ts`, one circle of each knot.
 */
export function importCircles(files: readonly SourceFile[]): string[] {
  const imports = new Map(files.map((file) => [file.path, ownImports(file)]))
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path)
    if (at >= 0) circles.push([...way.slice(at), path].join(' -> '))
    if (at >= 0 || done.has(path)) return
    for (const next of imports.get(path) ?? []) visit(next, [...way, path])
    done.add(path)
  }
  for (const path of imports.keys()) visit(path, [])
  return circles
}

function ownImports({ path, text }: SourceFile): string[] {
  return specifiersOf(text)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => sourceOf(posix.join(posix.dirname(path), specifier)))
}

/** What static and dynamic imports and re-exports name. */
export function specifiersOf(text: string): string[] {
  const pattern = /(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*'([^']+)'/g
  return [...text.matchAll(pattern)].map((match) => defined(match[1], 'specifier'))
}

function checkOwn(from: string, to: string): string | undefined {
  const [root, folder = ''] = to.split('/')
  if (root !== 'src') return 'is outside of src'
  const own = folderOf(from)
  if (rank(folder) > rank(own)) return `is of ${folder}, which comes after ${own}`
  if (STRANGERS.some(([a, b]) => a === own && b === folder)) return `joins ${own} and ${folder}`
  if (own !== 'server' || folder !== 'engine') return undefined
  return ENGINE_FILES_OF_SERVER.includes(sourceOf(to)) ? undefined : 'is inside the engine process'
}

function checkForeign(
  from: string,
  specifier: string,
  packages: ReadonlySet<string>,
): string | undefined {
  if (specifier.startsWith('node:')) return undefined
  if (!packages.has(packageOf(specifier))) return 'is neither of Node nor a dependency'
  const isForeign = specifier === FOREIGN_FUNCTIONS && folderOf(from) !== 'native'
  return isForeign ? 'belongs to src/native alone' : undefined
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

/** What a compiled file is made of. */
function sourceOf(path: string): string {
  return path.replace(/\.js$/, '.ts')
}

export function folderOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function rank(folder: string): number {
  const index = FOLDERS.indexOf(folder)
  return index < 0 ? Number.POSITIVE_INFINITY : index
}
