import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf, repositoryFiles, type SourceFile, sourceFiles } from './repository.js'

const LINES_MAX = 400
const COLUMNS_MAX = 100

/** What no file of the repository may say, and why. */
const FORBIDDEN: ReadonlyArray<readonly [pattern: RegExp, why: string]> = [
  [/(?<![\w.~-])\/(?:work|root|Users|home)\/[\w.]/, 'a path of one machine'],
  [/\/tmp\/w\b/, 'a path of one machine'],
  [/registry\.(?:npmjs|yarnpkg|npmmirror)\b/, 'a registry host'],
  [/"resolved":/, 'where a package was downloaded from'],
  [/\bissue #?\d/i, 'a ticket, which readers of the code cannot see'],
  [/\bFIXME\b|\bXXX\b/, 'work that is not done'],
  [/@ts-(?:ignore|expect-error|nocheck)/, 'a silenced type error'],
]

test('no file names machines, registries, tickets or unfinished work', () => {
  const others = repositoryFiles().filter(({ path }) => path !== 'test/tidy/text.test.ts')
  assert.deepEqual(others.flatMap(forbiddenTexts), [])
})

function forbiddenTexts({ path, text }: SourceFile): string[] {
  return text.split('\n').flatMap((line, i) => {
    const hit = FORBIDDEN.find(([pattern]) => pattern.test(line))
    return hit === undefined ? [] : [`${path}:${i + 1} names ${hit[1]}: ${line.trim()}`]
  })
}

test(`source files have at most ${LINES_MAX} lines`, () => {
  const long = sourceFiles().filter(({ text }) => text.split('\n').length - 1 > LINES_MAX)
  assert.deepEqual(
    long.map(({ path }) => path),
    [],
  )
})

test('source files begin by saying what they are', () => {
  const silent = sourceFiles().filter(({ text }) => !/^(#!.*\n)?\/\*\*\s/.test(text))
  assert.deepEqual(
    silent.map(({ path }) => path),
    [],
  )
})

/** The formatter breaks code; comments are for people to break, and texts stay whole. */
test(`comments of source files have at most ${COLUMNS_MAX} columns`, () => {
  const wide = sourceFiles().flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, i) => {
      const isComment = /^\s*(\/?\*|\/\/)/.test(line) && !/https?:/.test(line)
      return isComment && line.length > COLUMNS_MAX ? [`${path}:${i + 1}`] : []
    }),
  )
  assert.deepEqual(wide, [])
})

test('forbiddenTexts finds each kind and spares ordinary text', () => {
  const bad = [
    'see /home/somebody/x',
    '"/root/.cache"',
    'https://registry.npmjs.org/x',
    '  "resolved": "x"',
    'as in issue #12',
    '// FIXME: later',
    '// @ts-ignore',
  ]
  for (const text of bad) assert.equal(forbiddenTexts({ path: 'x', text }).length, 1, text)
  const good = ['src/home/x', 'https://example.com/work/x', 'an issue', '/tmp/tiny.gguf']
  for (const text of good) assert.deepEqual(forbiddenTexts({ path: 'x', text }), [], text)
})

test('codeOf drops comments and texts and keeps lines', () => {
  const code = codeOf('a // b\n/* c\n d */ e(\'f // g\', "h")\nconst u = `https://x`')
  assert.deepEqual(code.split('\n'), ['a ', '', " e('', '')", 'const u = `https://x`'])
})
