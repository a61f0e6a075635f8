/**
 * What a supply thread begins with: the page store, a copy of the model on this machine, addresses
 * where the model is. Knows nothing of the fleet.
 */
import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cacheDirectory } from '../base/cache.js'
import { reasonOf, SputnikError } from '../base/errors.js'
import type { Logger } from '../base/log.js'
import type { Manifest } from '../pages/manifest.js'
import { PageFiles } from '../pages/page-files.js'
import { claimFolder, STALE_MS } from '../pages/page-folder.js'
import type { PageSource } from '../pages/page-source.js'
import { FileSource } from '../pages/sources/file.js'
import { HttpSource } from '../pages/sources/http.js'
import { findCopy, usualPlaces } from '../pages/sources/model-places.js'
import type { SupplySetup } from './supply-messages.js'

/** Of the disk that is free, pages already kept counted as free. */
const DISK_SHARE = 0.5
const SEARCH_MS = 1500
const URL_WAIT_MS = 1500
const URL_RETRY_MS = 5000
const URL_RETRY_MS_MAX = 300_000

export type OpenStore = { readonly files: PageFiles; readonly release: () => void }

/** @throws SputnikError CACHE_UNWRITABLE */
export function openStore({ folder, bytesMax }: SupplySetup['store']): OpenStore {
  const nowMs = (): number => Date.now()
  const claimed = claimFolder(folder ?? join(cacheDirectory(), 'pages'), nowMs)
  const files = new PageFiles(claimed.path, {
    bytesMax: bytesMax ?? ((bytes) => Math.floor(DISK_SHARE * (bytes + freeBytes(claimed.path)))),
    nowMs,
  })
  const renewing = setInterval(claimed.renew, STALE_MS / 3)
  return {
    files,
    release: () => {
      clearInterval(renewing)
      claimed.release()
    },
  }
}

/**
 * The copy that was named, or one that is found.
 * @throws SputnikError MODEL_MISMATCH when what was named is another model; of the GGUF reader
 */
export async function localCopy(
  { modelPath, isOneOfSeveral, search }: SupplySetup,
  manifest: Manifest,
): Promise<FileSource | undefined> {
  if (modelPath !== null) {
    const copy = await FileSource.open(modelPath, { manifest })
    if (copy !== undefined) return copy
    if (!isOneOfSeveral) {
      throw new SputnikError('MODEL_MISMATCH', `${modelPath} is another model than the head serves`)
    }
  }
  if (!search) return undefined
  const endMs = performance.now() + SEARCH_MS
  const isLate = (): boolean => performance.now() > endMs
  return findCopy(manifest, { places: usualPlaces(), isLate })
}

/** Addresses of the model; those that cannot be read are tried again, later each time. */
export class UrlSources {
  readonly #opened: HttpSource[] = []
  readonly #first: Promise<unknown>
  readonly #stop = new AbortController()

  constructor(urls: readonly string[], parts: { manifest: Manifest; log: Logger }) {
    const tries = urls.map((url) => this.#open(url, parts))
    this.#first = Promise.race([Promise.all(tries), sleep(URL_WAIT_MS, undefined, { ref: false })])
  }

  get sources(): readonly PageSource[] {
    return this.#opened
  }

  /** Resolves when all addresses were tried, or soon. */
  async tried(): Promise<void> {
    await this.#first
  }

  close(): void {
    this.#stop.abort()
    for (const source of this.#opened) source.close()
  }

  /** Resolves after the first try. */
  async #open(url: string, parts: { manifest: Manifest; log: Logger }): Promise<void> {
    if (!(await this.#isOpened(url, parts))) void this.#openLater(url, parts)
  }

  async #openLater(url: string, parts: { manifest: Manifest; log: Logger }): Promise<void> {
    const { signal } = this.#stop
    for (let delayMs = URL_RETRY_MS; ; delayMs = Math.min(2 * delayMs, URL_RETRY_MS_MAX)) {
      await sleep(delayMs, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted || (await this.#isOpened(url, parts))) return
    }
  }

  async #isOpened(
    url: string,
    { manifest, log }: { manifest: Manifest; log: Logger },
  ): Promise<boolean> {
    try {
      this.#opened.push(await HttpSource.open(url, { manifest, signal: this.#stop.signal }))
      return true
    } catch (error) {
      const reason = reasonOf(error)
      if (!this.#stop.signal.aborted) log.warn('an address gives no pages', { reason })
      return false
    }
  }
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}
