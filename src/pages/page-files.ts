/**
 * Pages on disk, named by their hash: whole or absent whatever happens to the process, least
 * recently used ones dropped when room is needed. Whoever reads a page checks its hash. Knows
 * nothing of models and of where pages come from.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { readFile, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { assert } from '../base/assert.js'
import { reasonOf, SputnikError } from '../base/errors.js'
import { formatBytes } from '../base/units.js'
import { removeOldDrafts, writeAtomic } from './atomic-file.js'
import { type PageRef, pageName } from './manifest.js'
import type { PageSource } from './page-source.js'
import { sourceFailed } from './page-source.js'

export type PageFilesOptions = {
  /** Of all pages together, given what is there already; pinned pages count too. */
  readonly bytesMax: number | ((bytes: number) => number)
  /** Wall clock: the order of use outlives the process as times of files. */
  readonly nowMs: () => number
}

type Entry = { readonly bytes: number; pins: number; isWritten: boolean }

/** Two levels: `<first two digits>/<the other 62>`. */
const FOLDER = /^[0-9a-f]{2}$/
const FILE = /^[0-9a-f]{62}$/

export class PageFiles implements PageSource {
  readonly name: string
  readonly isOwn = true
  readonly bytesMax: number
  readonly #folder: string
  readonly #nowMs: () => number
  /** From the least to the most recently used. */
  readonly #entries = new Map<string, Entry>()
  readonly #writes = new Map<string, Promise<void>>()
  #bytes = 0

  /** Takes over what an earlier process left. @throws SputnikError CACHE_UNWRITABLE */
  constructor(folder: string, { bytesMax, nowMs }: PageFilesOptions) {
    this.name = `page store ${folder}`
    this.#folder = folder
    this.#nowMs = nowMs
    try {
      mkdirSync(folder, { recursive: true })
      this.#takeOver()
    } catch (cause) {
      const text = `cannot keep pages in ${folder}: ${reasonOf(cause)}`
      throw new SputnikError('CACHE_UNWRITABLE', text, { path: folder }, cause)
    }
    this.bytesMax = typeof bytesMax === 'number' ? bytesMax : bytesMax(this.#bytes)
    this.#evictDownTo(this.bytesMax)
  }

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#entries.size
  }

  has({ hash }: PageRef): boolean {
    return this.#entries.get(hash)?.isWritten === true
  }

  /** Where a page that is there lies; pin it first, or it may go. */
  path({ hash }: PageRef): string {
    return join(this.#folder, hash.slice(0, 2), hash.slice(2))
  }

  /** @throws SputnikError SOURCE_FAILED when it is not there (any more) */
  async read(page: PageRef, signal: AbortSignal): Promise<Uint8Array> {
    if (!this.has(page)) throw sourceFailed(this.name, 'the page is not there')
    try {
      const bytes = await readFile(this.path(page), { signal })
      await this.#touch(page)
      return bytes
    } catch (error) {
      signal.throwIfAborted()
      this.reject(page)
      throw sourceFailed(this.name, reasonOf(error), error)
    }
  }

  /** Drops a page whose file is damaged or gone. */
  reject({ hash }: PageRef): void {
    const entry = this.#entries.get(hash)
    if (entry?.isWritten === true) this.#drop(hash, entry)
  }

  /**
   * Keeps a page whose hash was checked, pinned if asked for; resolves when it would outlive the
   * process. One that is there is kept as it is.
   * @throws SputnikError PAGE_STORE_FULL, CACHE_UNWRITABLE
   */
  put(page: PageRef, bytes: Uint8Array, { isPinned = false } = {}): Promise<void> {
    const write = this.has(page) ? this.#touch(page) : this.#writeOnce(page, bytes)
    const entry = this.#entries.get(page.hash)
    // At once: a page that has just come could be dropped for the next one.
    if (isPinned && entry !== undefined) entry.pins++
    return write
  }

  /** Keeps a page from being dropped until as many `unpin`; false when it is not there. */
  pin({ hash }: PageRef): boolean {
    const entry = this.#entries.get(hash)
    if (entry?.isWritten !== true) return false
    entry.pins++
    return true
  }

  unpin({ hash }: PageRef): void {
    const entry = this.#entries.get(hash)
    // One that was damaged and has come again is not pinned any more.
    if (entry !== undefined && entry.pins > 0) entry.pins--
  }

  #writeOnce(page: PageRef, bytes: Uint8Array): Promise<void> {
    const underWay = this.#writes.get(page.hash)
    if (underWay !== undefined) return underWay
    const write = this.#write(page, bytes).finally(() => this.#writes.delete(page.hash))
    this.#writes.set(page.hash, write)
    return write
  }

  async #write(page: PageRef, bytes: Uint8Array): Promise<void> {
    assert(bytes.length === page.bytes, 'a page of another length')
    const entry = this.#reserve(page)
    try {
      // After a loss of power a page may be wrong, which its next reader sees by its hash.
      await writeAtomic(this.path(page), [bytes], { isDurable: false })
      entry.isWritten = true
    } catch (error) {
      this.#entries.delete(page.hash)
      this.#bytes -= entry.bytes
      throw error
    }
  }

  #takeOver(): void {
    const found: { hash: string; bytes: number; usedMs: number }[] = []
    for (const first of readdirSync(this.#folder)) {
      if (!FOLDER.test(first)) continue
      const folder = join(this.#folder, first)
      for (const rest of removeOldDrafts(folder)) {
        if (!FILE.test(rest)) continue
        const { size, mtimeMs } = statSync(join(folder, rest))
        found.push({ hash: first + rest, bytes: size, usedMs: mtimeMs })
      }
    }
    for (const { hash, bytes } of found.sort((a, b) => a.usedMs - b.usedMs)) {
      this.#entries.set(hash, { bytes, pins: 0, isWritten: true })
      this.#bytes += bytes
    }
  }

  #reserve(page: PageRef): Entry {
    this.#evictDownTo(this.bytesMax - page.bytes)
    if (this.#bytes + page.bytes > this.bytesMax) {
      const room = `${formatBytes(page.bytes)} needed, ${formatBytes(this.#bytes)} of `
      const text = `no room for ${pageName(page)}: ${room}${formatBytes(this.bytesMax)} in use`
      throw new SputnikError('PAGE_STORE_FULL', text)
    }
    const entry: Entry = { bytes: page.bytes, pins: 0, isWritten: false }
    this.#entries.set(page.hash, entry)
    this.#bytes += page.bytes
    return entry
  }

  #evictDownTo(bytes: number): void {
    for (const [hash, entry] of this.#entries) {
      if (this.#bytes <= bytes) return
      if (entry.isWritten && entry.pins === 0) this.#drop(hash, entry)
    }
  }

  /** At once, not later: the same page may be written again meanwhile. */
  #drop(hash: string, entry: Entry): void {
    rmSync(join(this.#folder, hash.slice(0, 2), hash.slice(2)), { force: true })
    this.#entries.delete(hash)
    this.#bytes -= entry.bytes
  }

  async #touch(page: PageRef): Promise<void> {
    const entry = this.#entries.get(page.hash)
    if (entry?.isWritten !== true) return
    this.#entries.delete(page.hash)
    this.#entries.set(page.hash, entry)
    const now = this.#nowMs() / 1000
    // Gone meanwhile is no error: the order of use is only a help.
    await utimes(this.path(page), now, now).catch(() => {})
  }
}
