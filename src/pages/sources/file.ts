/**
 * Pages out of a copy of the model on this machine. A copy need not be the same file: whatever it
 * has in the shape of the manifest is offered. Knows nothing of who asks.
 */
import { readdirSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { defined } from '../../base/assert.js'
import { SputnikError } from '../../base/errors.js'
import { mapPages } from '../../gguf/pages.js'
import { type GgufFile, openGguf } from '../../gguf/reader.js'
import { type Manifest, type PageRef, pageRef } from '../manifest.js'
import { knownManifest, type ManifestOptions } from '../manifest-store.js'
import { hashPage } from '../page-hash.js'
import { PageLocations } from '../page-locations.js'
import type { PageSource } from '../page-source.js'
import { reasonOf, sourceFailed } from '../page-source.js'
import { readFully } from '../read-range.js'

/** Files looked at in one folder. */
const FILES_MAX = 4096
/** To tell a copy from another model. */
const REGIONS_TRIED = 4
/** All files of a split model but the first. */
const LATER_SPLIT = /-(?!00001-of-)\d{5}-of-\d{5}\.gguf$/

export type FileSourceOptions = Pick<ManifestOptions, 'folder'>

export class FileSource implements PageSource {
  readonly name: string
  readonly #locations: PageLocations
  readonly #files: readonly GgufFile[]
  readonly #handles = new Map<number, Promise<FileHandle>>()

  private constructor(
    path: string,
    { locations, files }: { locations: PageLocations; files: readonly GgufFile[] },
  ) {
    this.name = path
    this.#locations = locations
    this.#files = files
  }

  /**
   * A copy that is the model by its own manifest, if that was ever made, or else by one page at
   * least of a few that are tried; undefined for any other file. Pages are still to be checked when
   * read: a copy may differ in some.
   * @throws SputnikError of the GGUF reader
   */
  static async open(
    path: string,
    { manifest, ...options }: { manifest: Manifest } & FileSourceOptions,
  ): Promise<FileSource | undefined> {
    const model = openGguf(path)
    const locations = new PageLocations(manifest, mapPages(model))
    if (locations.regions.length === 0) return undefined
    const source = new FileSource(path, { locations, files: model.files })
    const known = await knownManifest(path, options)
    if (known?.model === manifest.model || (await source.#hasSomePage(manifest))) return source
    await source.close()
    return undefined
  }

  has(page: PageRef): boolean {
    return this.#locations.has(page)
  }

  /** Where the slices of a page lie, in order, for a card that reads them itself. */
  parts(page: PageRef): { path: string; offset: number; bytes: number }[] {
    return this.#locations.parts(page).map(({ file, offset, bytes }) => {
      return { path: defined(this.#files[file], 'file of a page').path, offset, bytes }
    })
  }

  async read(page: PageRef, signal: AbortSignal): Promise<Uint8Array> {
    const bytes = new Uint8Array(page.bytes)
    let done = 0
    try {
      for (const part of this.#locations.parts(page)) {
        signal.throwIfAborted()
        const into = bytes.subarray(done, done + part.bytes)
        await readFully(await this.#handle(part.file), { into, offset: part.offset })
        done += part.bytes
      }
    } catch (error) {
      signal.throwIfAborted()
      throw sourceFailed(this.name, reasonOf(error), error)
    }
    if (done !== bytes.length) throw sourceFailed(this.name, 'it does not have the page')
    return bytes
  }

  async close(): Promise<void> {
    const handles = [...this.#handles.values()]
    this.#handles.clear()
    await Promise.allSettled(handles.map(async (handle) => (await handle).close()))
  }

  /** Another training of the same architecture has the same shapes but not one of the pages. */
  async #hasSomePage(manifest: Manifest): Promise<boolean> {
    const { signal } = new AbortController()
    const { regions } = this.#locations
    const step = Math.ceil(regions.length / REGIONS_TRIED)
    for (let i = 0; i < regions.length; i += step) {
      const region = defined(regions[i], 'a region')
      const page = defined(pageRef(manifest, { region, expert: 0 }), 'the first page of a region')
      if ((await hashPage(await this.read(page, signal))) === page.hash) return true
    }
    return false
  }

  #handle(file: number): Promise<FileHandle> {
    const known = this.#handles.get(file)
    if (known !== undefined) return known
    const opening = open(defined(this.#files[file], 'file of a page').path, 'r')
    this.#handles.set(file, opening)
    // Asked again later, it may be there again.
    opening.catch(() => this.#handles.delete(file))
    return opening
  }
}

/** The copies of a model among the GGUF files of some folders; other files are passed over. */
export async function findFileSources(
  manifest: Manifest,
  { folders, ...options }: { folders: readonly string[] } & FileSourceOptions,
): Promise<FileSource[]> {
  const found: FileSource[] = []
  for (const path of folders.flatMap(modelFiles)) {
    const source = await openIfReadable(path, { manifest, ...options })
    if (source !== undefined) found.push(source)
  }
  return found
}

function modelFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.gguf') && !LATER_SPLIT.test(name))
      .sort()
      .slice(0, FILES_MAX)
      .map((name) => join(folder, name))
  } catch (cause) {
    const text = `${folder}: cannot be listed: ${reasonOf(cause)}`
    throw new SputnikError('FILE_UNREADABLE', text, { path: folder }, cause)
  }
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
