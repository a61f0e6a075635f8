/** The repository's own files as texts, for tests that read them. Knows nothing of the rules. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** What the repository is made of; anything else in the folder is somebody's own. */
const ROOTS = ['.ci', '.gitignore', '.npmrc', 'LICENSE', 'NOTICE.md', 'README.md', 'biome.json']
const FOLDERS = ['bench', 'docs', 'models', 'src', 'test', 'web']
const MORE = ['package-lock.json', 'package.json', 'tsconfig.json']
const BINARY = /\.(gguf|bin|png|ico|log)$/

export type SourceFile = { readonly path: string; readonly text: string }

/** All files of the repository, paths with `/` from its root. */
export function repositoryFiles(): SourceFile[] {
  return [...ROOTS, ...FOLDERS, ...MORE].flatMap(readTree)
}

/** The TypeScript files below a folder of the repository. */
export function sourceFiles(folder = 'src'): SourceFile[] {
  return readTree(folder).filter((file) => file.path.endsWith('.ts'))
}

function readTree(path: string): SourceFile[] {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [{ path, text: readFileSync(path, 'utf8') }]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile() && !BINARY.test(file))
    .sort()
    .map((file) => ({ path: file.replaceAll('\\', '/'), text: readFileSync(file, 'utf8') }))
}

/** The code without comments and without the contents of quoted texts; lines stay in place. */
export function codeOf(text: string): string {
  const keepLines = (part: string): string => part.replace(/[^\n]+/g, '')
  return text.replace(
    /\/\*[\s\S]*?\*\/|(?<!:)\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g,
    (part) => (part.startsWith('/') ? keepLines(part) : `''`),
  )
}
