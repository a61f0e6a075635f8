import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { FOLDERS, folderOf, importCircles, importProblems } from './imports.js'
import { type SourceFile, sourceFiles } from './repository.js'

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  dependencies: Record<string, string>
}
const packages = new Set(Object.keys(manifest.dependencies))

test('src imports only downwards', () => {
  assert.deepEqual(
    sourceFiles().flatMap((file) => importProblems(file, packages)),
    [],
  )
})

test('src has no folder without a place in the order', () => {
  const folders = new Set(sourceFiles().map((file) => folderOf(file.path)))
  assert.deepEqual(
    [...folders].filter((folder) => !FOLDERS.includes(folder)),
    [],
  )
})

test('no files of src and bench import each other', () => {
  assert.deepEqual(importCircles([...sourceFiles(), ...sourceFiles('bench')]), [])
})

test('importCircles finds a circle of types, of one file and of several', () => {
  const file = (path: string, ...imported: string[]): SourceFile => ({
    path,
    text: imported.map((name) => `import type { X } from '${name}'\n`).join(''),
  })
  const files = [
    file('src/a.ts', './x/b.js', './x/d.js'),
    file('src/x/b.ts', './c.js', './d.js'),
    file('src/x/c.ts', './b.js', 'node:fs'),
    file('src/x/d.ts', './d.js'),
    file('src/x/e.ts', '../a.js', './d.js'),
  ]
  assert.deepEqual(importCircles(files), [
    'src/x/b.ts -> src/x/c.ts -> src/x/b.ts',
    'src/x/d.ts -> src/x/d.ts',
  ])
  assert.deepEqual(importCircles(files.slice(0, 2)), [])
})

const refused: ReadonlyArray<readonly [path: string, text: string, problem: RegExp]> = [
  ['src/base/a.ts', "import { x } from '../cli/b.js'", /cli, which comes after base/],
  ['src/base/a.ts', "export * from '../gguf/b.js'", /gguf, which comes after base/],
  ['src/native/a.ts', "const x = await import('../engine/b.js')", /engine, which comes after/],
  ['src/native/a.ts', "import '../engine/b.js'", /engine, which comes after native/],
  ['src/fleet/a.ts', "import type { X } from '../card/b.js'", /joins fleet and card/],
  ['src/card/a.ts', "import type { X } from '../fleet/b.js'", /fleet, which comes after card/],
  ['src/server/a.ts', "import { x } from '../engine/engine.js'", /inside the engine process/],
  ['src/engine/a.ts', "import koffi from 'koffi'", /belongs to src\/native alone/],
  ['src/cli/a.ts', "import { x } from '../../test/b.js'", /outside of src/],
  ['src/cli/a.ts', "import { x } from 'fast-check'", /neither of Node nor a dependency/],
  ['src/cli/a.ts', "import { x } from 'fs'", /neither of Node nor a dependency/],
  ['src/cli/a.ts', "import {\n  x,\n} from '../unknown/b.js'", /unknown, which comes after/],
]

for (const [path, text, problem] of refused) {
  test(`importProblems refuses ${text.replaceAll('\n', ' ')} in ${path}`, () => {
    const found = importProblems({ path, text }, packages)
    assert.equal(found.length, 1)
    assert.match(found[0] ?? '', problem)
  })
}

test('importProblems accepts what the order allows', () => {
  const text = [
    "import { readFileSync } from 'node:fs'",
    "import { Template } from '@huggingface/jinja'",
    "import type { ToEngine } from '../engine/protocol.js'",
    "import { assert } from '../base/assert.js'",
    "import { own } from './own.js'",
  ].join('\n')
  assert.deepEqual(importProblems({ path: 'src/server/a.ts', text }, packages), [])
})
