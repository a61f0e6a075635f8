/**
 * Where people keep models, and looking for a copy of one there: headers and single pages are read,
 * never whole files, and never for long.
 */
import { type Dirent, readdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { SputnikError } from '../../base/errors.js'
import { totalBytes } from '../capacity.js'
import type { Manifest } from '../manifest.js'
import { FileSource, type FileSourceOptions } from './file.js'

export type Place = {
  readonly folder: string
  /** Levels of folders within it that are looked into. */
  readonly depth: number
}

export type SearchOptions = FileSourceOptions & {
  readonly places: readonly Place[]
  /** True once the search has taken long enough. */
  readonly isLate: () => boolean
}

/** Files and folders looked at. */
const ENTRIES_MAX = 20_000
/** All files of a split model but the first. */
const LATER_SPLIT = /-(?!00001-of-)\d{5}-of-\d{5}\.gguf$/
const SPLIT = /-\d{5}-of-\d{5}\.gguf$/

/** The current folder, the user's own models, and the caches of programs that keep GGUF files. */
export function usualPlaces(env: NodeJS.ProcessEnv = process.env, home = homedir()): Place[] {
  const cache = env.XDG_CACHE_HOME || join(home, '.cache')
  const huggingFace = env.HF_HOME || join(cache, 'huggingface')
  return [
    { folder: process.cwd(), depth: 0 },
    { folder: join(home, 'models'), depth: 2 },
    // Publisher, then model.
    { folder: join(home, '.lmstudio', 'models'), depth: 2 },
    { folder: join(home, '.cache', 'lm-studio', 'models'), depth: 2 },
    { folder: env.LLAMA_CACHE || join(cache, 'llama.cpp'), depth: 0 },
    { folder: join(home, 'Library', 'Caches', 'llama.cpp'), depth: 0 },
    // Repository, `snapshots`, revision, and what folders a repository has.
    { folder: env.HF_HUB_CACHE || join(huggingFace, 'hub'), depth: 4 },
  ]
}

/** The first copy that has all pages of the manifest's shape; its pages are still to be checked. */
export async function findCopy(
  manifest: Manifest,
  { places, isLate, ...options }: SearchOptions,
): Promise<FileSource | undefined> {
  const bytesMin = totalBytes(manifest.regions)
  for (const path of modelFiles(places)) {
    if (isLate()) return undefined
    if (!isLargeEnough(path, bytesMin)) continue
    const source = await openIfReadable(path, { manifest, ...options })
    if (source?.copy.regions.every((region) => region !== null)) return source
    await source?.close()
  }
  return undefined
}

/** Level by level, so that what lies deep does not hide what lies near. */
function* modelFiles(places: readonly Place[]): Generator<string> {
  const queue = [...places]
  let looked = 0
  for (let place = queue.shift(); place !== undefined; place = queue.shift()) {
    for (const entry of entriesOf(place.folder)) {
      if (++looked > ENTRIES_MAX) return
      const path = join(place.folder, entry.name)
      if (entry.isDirectory()) {
        if (place.depth > 0) queue.push({ folder: path, depth: place.depth - 1 })
      } else if (entry.name.endsWith('.gguf') && !LATER_SPLIT.test(entry.name)) yield path
    }
  }
}

/** A place that is not there or closed to us has no models. */
function entriesOf(folder: string): Dirent[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch {
    return []
  }
}

/** The size of a split model is not that of its first file. */
function isLargeEnough(path: string, bytesMin: number): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat?.isFile() === true && (SPLIT.test(path) || stat.size >= bytesMin)
}

/** A folder may hold broken and half downloaded files; they are no copies. */
async function openIfReadable(
  path: string,
  options: { manifest: Manifest } & FileSourceOptions,
): Promise<FileSource | undefined> {
  try {
    return await FileSource.open(path, options)
  } catch (error) {
    if (error instanceof SputnikError) return undefined
    throw error
  }
}
