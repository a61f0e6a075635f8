/**
 * Pages out of a copy of the model on this machine. A copy need not be the same file: whatever it
 * has in the shape of the manifest is offered. Knows nothing of who asks.
 */
import { defined } from '../../base/assert.js'
import { reasonOf } from '../../base/errors.js'
import type { Range } from '../../fabric/page-messages.js'
import { SliceReader } from '../../fabric/slice-reader.js'
import { mapPages } from '../../gguf/pages.js'
import { openGguf } from '../../gguf/reader.js'
import type { ModelCopy } from '../card-load.js'
import { type Manifest, type PageRef, pageRef } from '../manifest.js'
import { knownManifest, type ManifestOptions } from '../manifest-store.js'
import { hashPage } from '../page-hash.js'
import { PageLocations } from '../page-locations.js'
import type { PageSource } from '../page-source.js'
import { sourceFailed } from '../page-source.js'

/** To tell a copy from another model. */
const REGIONS_TRIED = 4

export type FileSourceOptions = Pick<ManifestOptions, 'folder'>

export class FileSource implements PageSource {
  readonly name: string
  readonly isOwn = true
  readonly #manifest: Manifest
  readonly #locations: PageLocations
  readonly #paths: readonly string[]
  readonly #reader: SliceReader

  private constructor(
    path: string,
    parts: { manifest: Manifest; locations: PageLocations; paths: readonly string[] },
  ) {
    this.name = path
    this.#manifest = parts.manifest
    this.#locations = parts.locations
    this.#paths = parts.paths
    this.#reader = new SliceReader(parts.paths)
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
    const paths = model.files.map((file) => file.path)
    const source = new FileSource(path, { manifest, locations, paths })
    const known = await knownManifest(path, options)
    if (known?.model === manifest.model || (await source.#hasSomePage(manifest))) return source
    await source.close()
    return undefined
  }

  has(page: PageRef): boolean {
    return this.#locations.has(page)
  }

  /** Where its tensors lie, for a card that reads them itself. */
  get copy(): ModelCopy {
    const { regions } = this.#manifest
    return {
      files: this.#paths,
      regions: regions.map((_, region) => {
        const slices = this.#locations.parts({ region, expert: 0 })
        return slices.length === 0 ? null : slices.map(({ file, offset }) => ({ file, offset }))
      }),
    }
  }

  async read(page: PageRef, signal: AbortSignal): Promise<Uint8Array> {
    return this.readRange(page, { offset: 0, length: page.bytes }, signal)
  }

  async readRange(page: PageRef, range: Range, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted()
    const slices = this.#locations.parts(page)
    if (slices.length === 0) throw sourceFailed(this.name, 'it does not have the page')
    try {
      return await this.#reader.read(slices, range)
    } catch (error) {
      throw sourceFailed(this.name, reasonOf(error), error)
    }
  }

  close(): Promise<void> {
    return this.#reader.close()
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
}
