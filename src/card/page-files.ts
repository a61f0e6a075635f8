/**
 * Where the bytes of pages come from: the model's files, in which an expert's slices lie apart, or
 * a file that holds a page alone. Knows nothing of slots.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { SputnikError } from '../base/errors.js'
import type { LoadTensor, PageSource } from '../fabric/control.js'

/** One page's bytes, to be asked for once per tensor, in the order of the region's tensors. */
export type PageReader = {
  /** Fills `into` with the page's slice of a tensor. */
  read(tensor: LoadTensor, into: Uint8Array): void
  close(): void
}

export class PageFiles {
  readonly #paths: readonly string[]
  /** The model's files by number, open from the first read to the end of the card. */
  readonly #open = new Map<number, number>()

  constructor(paths: readonly string[]) {
    this.#paths = paths
  }

  /**
   * @throws SputnikError FILE_NOT_FOUND, FILE_UNREADABLE; when read also GGUF_INVALID,
   * PAGE_CORRUPT, and FRAME_INVALID when the model has no such file
   */
  page(expert: number, source: PageSource | null | undefined): PageReader {
    return source ? readerOfSource(source) : this.#readerOfModel(expert)
  }

  #readerOfModel(expert: number): PageReader {
    return {
      read: (tensor, into) => {
        const position = tensor.offset + expert * tensor.sliceBytes
        if (readWhole(into, { file: this.#file(tensor.file), position })) return
        throw new SputnikError('GGUF_INVALID', `the file ends inside ${tensor.name}`)
      },
      close: () => {},
    }
  }

  #file(index: number): number {
    const path = this.#paths[index]
    if (path === undefined) {
      throw new SputnikError('FRAME_INVALID', 'a page without a source needs files of the model')
    }
    const file = this.#open.get(index) ?? openFile(path)
    this.#open.set(index, file)
    return file
  }
}

function readerOfSource({ file: path, offset }: PageSource): PageReader {
  const file = openFile(path)
  let position = offset
  return {
    read: (_, into) => {
      if (!readWhole(into, { file, position })) {
        throw new SputnikError('PAGE_CORRUPT', `${path} ends inside the page at ${offset}`)
      }
      position += into.length
    },
    close: () => closeSync(file),
  }
}

/** Never waits for a writer, as opening a pipe would. */
function openFile(path: string): number {
  const file = openPath(path)
  if (fstatSync(file).isFile()) return file
  closeSync(file)
  throw new SputnikError('FILE_UNREADABLE', `${path} is not a file`)
}

function openPath(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (cause) {
    throw new SputnikError('FILE_NOT_FOUND', `the card cannot read ${path}`, {}, cause)
  }
}

/** False when the file ends before. @throws SputnikError FILE_UNREADABLE */
function readWhole(
  into: Uint8Array,
  { file, position }: { file: number; position: number },
): boolean {
  let done = 0
  while (done < into.length) {
    const got = readSome(into, { file, done, position: position + done })
    if (got === 0) return false
    done += got
  }
  return true
}

function readSome(
  into: Uint8Array,
  { file, done, position }: { file: number; done: number; position: number },
): number {
  try {
    return readSync(file, into, done, into.length - done, position)
  } catch (cause) {
    throw new SputnikError('FILE_UNREADABLE', 'the bytes of a page cannot be read', {}, cause)
  }
}
