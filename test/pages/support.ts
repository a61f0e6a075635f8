/** Models, their manifests and the plain bytes of their pages, for tests of pages. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { defined } from '../../src/base/assert.js'
import { SputnikError } from '../../src/base/errors.js'
import { mapPages } from '../../src/gguf/pages.js'
import { openGguf } from '../../src/gguf/reader.js'
import { hashModel } from '../../src/pages/hash-model.js'
import type { Manifest, PageRef } from '../../src/pages/manifest.js'
import { pagesOf } from '../../src/pages/manifest.js'
import { PageFetcher, type PageFetcherOptions } from '../../src/pages/page-fetcher.js'
import type { PageSource } from '../../src/pages/page-source.js'

export function hashed(path: string): Promise<Manifest> {
  return hashModel(openGguf(path))
}

/** Bytes of a page as the definition says, read without any of the code under test. */
export function pageBytes(path: string, { region, expert }: PageRef): Buffer {
  const model = openGguf(path)
  const layer = defined(mapPages(model).layers[region], 'a region')
  const slices = layer.tensors.map(({ file, offset, sliceBytes }) => {
    const fd = openSync(defined(model.files[file], 'a file').path, 'r')
    const slice = Buffer.alloc(sliceBytes)
    readSync(fd, slice, 0, sliceBytes, offset + expert * sliceBytes)
    closeSync(fd)
    return slice
  })
  return Buffer.concat(slices)
}

export function allPages(manifest: Manifest): PageRef[] {
  return [...pagesOf(manifest)]
}

export const never = new AbortController().signal

/** A page made of nothing but its bytes. */
export function loosePage(bytes: Uint8Array, expert = 0): PageRef {
  const hash = createHash('sha256').update(bytes).digest('hex')
  return { region: 0, layer: 0, group: '', expert, hash, bytes: bytes.length }
}

export function loosePages(count: number, bytes = 1000): { page: PageRef; bytes: Uint8Array }[] {
  return Array.from({ length: count }, (_, i) => {
    const content = new Uint8Array(bytes).fill((i % 250) + 1)
    content.set([i & 255, i >> 8])
    return { page: loosePage(content, i), bytes: content }
  })
}

/** A source whose answers a test decides. */
export function sourceOf(
  name: string,
  read: (page: PageRef, signal: AbortSignal) => Promise<Uint8Array> | Uint8Array,
  has: (page: PageRef) => boolean = () => true,
): PageSource {
  return { name, has, read: async (page, signal) => read(page, signal) }
}

/** A fetcher with a clock that stands still unless a test moves it. */
export function fetcherOf(
  sources: readonly PageSource[],
  options: Partial<PageFetcherOptions> = {},
): PageFetcher {
  return new PageFetcher({ sources: () => sources, now: () => 0, ...options })
}

export type Fetching = {
  readonly onPage: (page: PageRef, bytes: Uint8Array) => void | Promise<void>
  readonly parallel?: number
  readonly signal?: AbortSignal
}

/** Fetches pages some at a time; what failed, with the error. */
export async function fetchAll(
  fetcher: PageFetcher,
  pages: readonly PageRef[],
  { onPage, parallel = 8, signal = never }: Fetching,
): Promise<{ page: PageRef; error: SputnikError }[]> {
  const failed: { page: PageRef; error: SputnikError }[] = []
  const queue = pages.values()
  const work = async (): Promise<void> => {
    for (const page of queue) {
      try {
        await fetcher.fetch(page, { use: ({ bytes }) => onPage(page, bytes), signal })
      } catch (error) {
        if (!(error instanceof SputnikError)) throw error
        failed.push({ page, error })
      }
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  return failed
}

/** Large, so that a kill can hit the middle of a write. */
export const WRITTEN_PAGE_BYTES = 24 << 20
