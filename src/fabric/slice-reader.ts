/**
 * Ranges of pages read straight from files in which a page lies in slices. Uses no native code and
 * no memory but for the range. Knows nothing of models.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { SputnikError } from '../base/errors.js'
import type { Range } from './page-messages.js'

/** Part of a page; its parts follow each other. */
export type Slice = {
  /** Index into the files. */
  readonly file: number
  readonly offset: number
  readonly bytes: number
}

export class SliceReader {
  readonly #paths: readonly string[]
  readonly #handles = new Map<number, Promise<FileHandle>>()

  constructor(paths: readonly string[]) {
    this.#paths = paths
  }

  /** A range of what the slices hold together. @throws SputnikError FILE_UNREADABLE */
  async read(slices: readonly Slice[], { offset, length }: Range): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(length)
    let sliceStart = 0
    let done = 0
    for (const slice of slices) {
      const skip = Math.max(0, offset - sliceStart)
      sliceStart += slice.bytes
      if (skip >= slice.bytes || done === length) continue
      const into = bytes.subarray(done, done + Math.min(length - done, slice.bytes - skip))
      await this.#fill(into, { file: slice.file, position: slice.offset + skip })
      done += into.length
    }
    if (done === length) return bytes
    throw new SputnikError('FILE_UNREADABLE', `a range of ${length} bytes is beyond the page`)
  }

  async close(): Promise<void> {
    const handles = [...this.#handles.values()]
    this.#handles.clear()
    await Promise.allSettled(handles.map(async (handle) => (await handle).close()))
  }

  async #fill(
    into: Uint8Array,
    { file, position }: { file: number; position: number },
  ): Promise<void> {
    const handle = await this.#handle(file)
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await handle.read(into, done, into.length - done, position + done)
      if (bytesRead === 0) {
        throw new SputnikError('FILE_UNREADABLE', `${this.#paths[file]} ends before its data`)
      }
      done += bytesRead
    }
  }

  #handle(file: number): Promise<FileHandle> {
    const known = this.#handles.get(file)
    if (known !== undefined) return known
    const opening = open(this.#paths[file] ?? '', constants.O_RDONLY)
    this.#handles.set(file, opening)
    // Asked again later, it may be there again.
    opening.catch(() => this.#handles.delete(file))
    return opening
  }
}

/** The same once, of files that are not kept open. @throws SputnikError FILE_UNREADABLE */
export async function readSlices(
  paths: readonly string[],
  { slices, range }: { slices: readonly Slice[]; range: Range },
): Promise<Uint8Array> {
  const reader = new SliceReader(paths)
  try {
    return await reader.read(slices, range)
  } finally {
    await reader.close()
  }
}
