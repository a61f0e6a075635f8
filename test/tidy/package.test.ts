import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { packagesFor, RELEASE } from '../../src/native/release.js'

type Manifest = {
  readonly license: string
  readonly dependencies: Record<string, string>
  readonly optionalDependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
}

type LockedPackage = {
  readonly version?: string
  readonly license?: string
  readonly dev?: boolean
  readonly integrity?: string
  readonly os?: readonly string[]
  readonly libc?: readonly string[]
  readonly dependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

const manifest = readJson('package.json') as Manifest
const lock = readJson('package-lock.json') as { packages: Record<string, LockedPackage> }
const { dependencies, optionalDependencies, devDependencies } = manifest

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}

test('package.json names exact versions', () => {
  const all = { ...dependencies, ...optionalDependencies, ...devDependencies }
  for (const [name, version] of Object.entries(all)) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name)
  }
})

test('package.json installs the native release that src/native describes', () => {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    assert.equal(version, RELEASE.packageVersion, name)
  }
})

test('package.json installs the default native package of every platform', () => {
  const machines = ['darwin', 'linux', 'win32'].flatMap((platform) =>
    ['x64', 'arm64'].map((arch) => ({ platform, arch })),
  )
  const wanted = machines.flatMap(({ platform, arch }) => packagesFor('cpu', platform, arch))
  assert.deepEqual(Object.keys(optionalDependencies).sort(), wanted.sort())
})

test('npm runs no install scripts', () => {
  assert.match(readFileSync('.npmrc', 'utf8'), /^ignore-scripts=true$/m)
})

test('package-lock.json holds every package that another one may install', () => {
  for (const [path, { dependencies, optionalDependencies }] of Object.entries(lock.packages)) {
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      assert.ok(`node_modules/${name}` in lock.packages, `${path} needs ${name}`)
    }
  }
})

/** Packages of other systems may wait for the first install there. */
test('package-lock.json has a checksum for every package of Linux', () => {
  for (const [path, { integrity, os, libc }] of Object.entries(lock.packages)) {
    const isElsewhere = os?.includes('linux') === false || libc?.includes('musl') === true
    if (path !== '' && !isElsewhere) assert.match(integrity ?? '', /^sha512-/, path)
  }
})

test('NOTICE.md names every package that is shipped, with its licence', () => {
  const notice = readFileSync('NOTICE.md', 'utf8')
  for (const [path, { dev, license }] of Object.entries(lock.packages)) {
    if (path === '' || dev === true) continue
    // One line for all platforms of a package.
    const name = path
      .replace(/^.*node_modules\//, '')
      .replace(/^(@node-llama-cpp|@koromix)\/.*/, '$1/*')
    const line = notice.split('\n').find((text) => text.includes(`\`${name}\``))
    assert.ok(line !== undefined, `${name} is missing`)
    assert.ok(line.includes(license ?? '?'), `${name} is ${license}`)
  }
})

test('LICENSE is the licence that package.json names', () => {
  assert.equal(manifest.license, 'MIT')
  assert.match(readFileSync('LICENSE', 'utf8'), /^MIT License\n/)
})
