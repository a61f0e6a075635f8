/** Which folder of `src` may import which. */

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
  const target = to.replace(/\.js$/, '.ts')
  if (own !== 'server' || folder !== 'engine') return undefined
  return ENGINE_FILES_OF_SERVER.includes(target) ? undefined : 'is inside the engine process'
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

export function folderOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function rank(folder: string): number {
  const index = FOLDERS.indexOf(folder)
  return index < 0 ? Number.POSITIVE_INFINITY : index
}
