/**
 * Pages out of a GGUF file on a web server, split or not, by range requests: of a model of any size
 * only its headers and the wanted pages are transferred. Knows nothing of who asks.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defined } from '../../base/assert.js'
import { reasonOf, SputnikError } from '../../base/errors.js'
import { mapPages, type PageMap } from '../../gguf/pages.js'
import { openGguf } from '../../gguf/reader.js'
import { splitPath } from '../../gguf/split.js'
import type { Manifest, PageRef } from '../manifest.js'
import { PageLocations } from '../page-locations.js'
import type { PageSource } from '../page-source.js'
import { sourceFailed } from '../page-source.js'
import { RangeQueue } from './range-queue.js'
import { Connections, RemoteFile, type RemoteOptions } from './remote-file.js'
import { fetchHeader } from './remote-header.js'

export type HttpSourceOptions = RemoteOptions & {
  readonly signal?: AbortSignal | undefined
  /** Where the headers lie while they are parsed; by default the folder for temporary files. */
  readonly scratch?: string | undefined
  /** Pages that lie side by side are fetched together up to so many bytes. */
  readonly rangeBytesMax?: number | undefined
}

const PARALLEL = 4
const RANGE_BYTES_MAX = 16 << 20
const GAP_BYTES_MAX = 16 << 10
const SPLITS_MAX = 1024
const SPLIT_NAME = /-00001-of-(\d{5})\.gguf$/

export class HttpSource implements PageSource {
  readonly name: string
  readonly #locations: PageLocations
  readonly #connections: Connections
  readonly #queue: RangeQueue

  private constructor(
    files: readonly RemoteFile[],
    parts: {
      locations: PageLocations
      connections: Connections
      parallel: number
      rangeBytesMax: number
    },
  ) {
    this.name = files[0]?.name ?? ''
    this.#locations = parts.locations
    this.#connections = parts.connections
    this.#queue = new RangeQueue({
      read: ({ file, ...range }, signal) =>
        defined(files[file], 'a file of the model').read(range, signal),
      parallel: parts.parallel,
      rangeBytesMax: parts.rangeBytesMax,
      gapBytesMax: GAP_BYTES_MAX,
    })
  }

  /**
   * Reads the headers at `url`, the file or the first file of a split model.
   * @throws SputnikError SOURCE_FAILED, also when it is another model; the reason of `signal`
   */
  static async open(
    url: string,
    {
      manifest,
      signal = new AbortController().signal,
      ...options
    }: HttpSourceOptions & {
      manifest: Manifest
    },
  ): Promise<HttpSource> {
    const { parallel = PARALLEL, rangeBytesMax = RANGE_BYTES_MAX } = options
    const connections = new Connections(parallel)
    try {
      const files = fileAddresses(url).map(
        (address) => new RemoteFile(address, { ...options, connections }),
      )
      const copy = await readHeaders(files, { signal, scratch: options.scratch ?? tmpdir() })
      const locations = new PageLocations(manifest, copy)
      if (locations.regions.length === 0) throw sourceFailed(url, 'it is another model')
      return new HttpSource(files, { locations, connections, parallel, rangeBytesMax })
    } catch (error) {
      connections.close()
      throw error
    }
  }

  has(page: PageRef): boolean {
    return this.#locations.has(page)
  }

  async read(page: PageRef, signal: AbortSignal): Promise<Uint8Array> {
    const bytes = new Uint8Array(page.bytes)
    let done = 0
    const wanted = this.#locations.parts(page).map(({ file, offset, bytes: length }) => {
      const into = bytes.subarray(done, done + length)
      done += length
      return { file, offset, into }
    })
    if (done !== bytes.length) throw sourceFailed(this.name, 'it does not have the page')
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    try {
      await Promise.all(wanted.map((piece) => this.#queue.want(piece, either)))
      return bytes
    } catch (error) {
      stop.abort(error)
      throw error
    }
  }

  close(): void {
    this.#connections.close()
  }
}

function fileAddresses(text: string): URL[] {
  if (!URL.canParse(text)) throw sourceFailed(text, 'it is no address')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw sourceFailed(text, 'only http:// and https:// are supported')
  }
  const count = Number(SPLIT_NAME.exec(url.pathname)?.[1] ?? 1)
  if (count > SPLITS_MAX) throw sourceFailed(text, `it claims ${count} split files`)
  if (count <= 1) return [url]
  const prefix = url.pathname.replace(SPLIT_NAME, '')
  return Array.from({ length: count }, (_, index) => {
    const sibling = new URL(url)
    sibling.pathname = splitPath(prefix, { index, count })
    return sibling
  })
}

/** The reader of GGUF files checks them as it would local ones. */
async function readHeaders(
  files: readonly RemoteFile[],
  { signal, scratch }: { signal: AbortSignal; scratch: string },
): Promise<PageMap> {
  const folder = mkdtempSync(join(scratch, 'sputnik-headers-'))
  const count = files.length
  const paths = files.map((_, index) =>
    count === 1 ? join(folder, 'model.gguf') : splitPath(join(folder, 'model'), { index, count }),
  )
  try {
    for (const [index, file] of files.entries()) {
      await fetchHeader(file, { path: defined(paths[index], 'a path'), signal })
    }
    return mapPages(openGguf(defined(paths[0], 'the first path')))
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof SputnikError) || error.code === 'SOURCE_FAILED') throw error
    // Its path is that of our copy of the header, which tells a person nothing.
    const problem = reasonOf(error).replaceAll(`${folder}/`, '')
    throw sourceFailed(files[0]?.name ?? '', problem, error)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
