/**
 * Finds the native libraries among the installed packages and checks that they are of the release
 * sputnik is written for. Loads nothing.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { SputnikError } from '../base/errors.js'
import { type Backend, packagesFor, RELEASE } from './release.js'

export type LocatedLibraries = {
  readonly backend: Backend
  readonly packageName: string
  readonly directory: string
  readonly base: string
  readonly ggml: string
  readonly llama: string
}

const BACKENDS: readonly Backend[] = ['cuda', 'metal', 'vulkan', 'cpu']

/** Backends whose package is installed, most capable first. */
export function installedBackends(): Backend[] {
  return BACKENDS.filter((backend) => findPackage(backend) !== undefined)
}

/** Which package to install for a backend on this machine; undefined when there is none. */
export function packageToInstall(backend: Backend): string | undefined {
  const name = packagesFor(backend, process.platform, process.arch)[0]
  return name === undefined ? undefined : `${name}@${RELEASE.packageVersion}`
}

/** @throws SputnikError LIBRARY_MISSING, LIBRARY_MISMATCH */
export function locateLibraries(wanted: Backend | 'auto'): LocatedLibraries {
  const backend = wanted === 'auto' ? (installedBackends()[0] ?? 'cpu') : wanted
  const found = findPackage(backend)
  if (found === undefined) throw missing(backend)
  checkRelease(found)
  const directory = libraryDirectory(found)
  return {
    backend,
    packageName: found.name,
    directory,
    base: findFile(directory, found.name, /^(lib)?ggml-base\.(so|dylib|dll)$/),
    ggml: findFile(directory, found.name, /^(lib)?ggml(\.\w+)?(\.v[\d.]+)?\.(so|dylib|dll)$/),
    llama: findFile(directory, found.name, /^(lib)?llama(\.\w+)?(\.v[\d.]+)?\.(so|dylib|dll)$/),
  }
}

type FoundPackage = { readonly name: string; readonly root: string }

function findPackage(backend: Backend): FoundPackage | undefined {
  const require = createRequire(import.meta.url)
  for (const name of packagesFor(backend, process.platform, process.arch)) {
    for (const folder of require.resolve.paths(name) ?? []) {
      const root = join(folder, name)
      if (existsSync(join(root, 'package.json'))) return { name, root }
    }
  }
  return undefined
}

function missing(backend: Backend): SputnikError {
  const wanted = packageToInstall(backend)
  if (wanted === undefined) {
    const machine = `${process.platform}-${process.arch}`
    return new SputnikError('LIBRARY_MISSING', `no ${backend} library exists for ${machine}`, {
      package: '@node-llama-cpp/<platform>',
    })
  }
  return new SputnikError('LIBRARY_MISSING', `the native library ${wanted} is not installed`, {
    package: wanted,
  })
}

function checkRelease(found: FoundPackage): void {
  const manifest = JSON.parse(readFileSync(join(found.root, 'package.json'), 'utf8')) as {
    version?: string
  }
  const metadataPath = join(libraryDirectory(found), '_nlcBuildMetadata.json')
  const metadata = existsSync(metadataPath) ? readFileSync(metadataPath, 'utf8') : '{}'
  const build = JSON.parse(metadata) as {
    buildOptions?: { llamaCpp?: { release?: string } }
  }
  const release = build.buildOptions?.llamaCpp?.release
  if (manifest.version === RELEASE.packageVersion && release === RELEASE.llamaRelease) return
  throw mismatch(found.name, `version ${manifest.version} with llama.cpp ${release}`)
}

/** Says what is installed and which release belongs there. */
export function mismatch(packageName: string, found: string): SputnikError {
  return new SputnikError(
    'LIBRARY_MISMATCH',
    `${packageName} is ${found}, but sputnik needs ${RELEASE.packageVersion} with llama.cpp ${RELEASE.llamaRelease}`,
    { package: `${packageName}@${RELEASE.packageVersion}` },
  )
}

function libraryDirectory(found: FoundPackage): string {
  const bins = join(found.root, 'bins')
  const folder = existsSync(bins) ? readdirSync(bins)[0] : undefined
  if (folder === undefined) throw mismatch(found.name, 'a package without libraries')
  return join(bins, folder)
}

function findFile(directory: string, packageName: string, pattern: RegExp): string {
  const name = readdirSync(directory).find((entry) => pattern.test(entry))
  if (name === undefined) throw mismatch(packageName, `a package without ${pattern.source}`)
  return join(directory, name)
}
