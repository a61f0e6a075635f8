/** Reads byte ranges of open files without holding the event loop. Knows nothing of models. */
import type { FileHandle } from 'node:fs/promises'
import { SputnikError } from '../base/errors.js'

export type ByteRange = { readonly offset: number; readonly bytes: number }

/** Small enough that hashing one holds the event loop for a millisecond or two. */
const CHUNK_BYTES = 1 << 20

/** Fills `into` from `offset` on. @throws SputnikError GGUF_INVALID when the file ends before. */
export async function readFully(
  file: FileHandle,
  { into, offset }: { into: Uint8Array; offset: number },
): Promise<void> {
  let done = 0
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, offset + done)
    if (bytesRead === 0) throw new SputnikError('GGUF_INVALID', 'the file ends before its data')
    done += bytesRead
  }
}

/**
 * The bytes of ranges in order, in chunks that do not cross from one range to the next; each is
 * valid until the one after it is asked for. The next chunk is read while one is being used.
 */
export async function* readChunks(
  file: FileHandle,
  ranges: readonly ByteRange[],
): AsyncGenerator<Uint8Array> {
  const buffers = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)] as const
  let isOdd = false
  let coming: Promise<Uint8Array> | undefined
  try {
    for (const piece of pieces(ranges)) {
      const into = buffers[isOdd ? 1 : 0].subarray(0, piece.bytes)
      isOdd = !isOdd
      const here = await coming
      coming = readFully(file, { into, offset: piece.offset }).then(() => into)
      // It may fail while its consumer is busy; whoever awaits it still hears of that.
      coming.catch(() => {})
      if (here !== undefined) yield here
    }
    const last = await coming
    if (last !== undefined) yield last
  } finally {
    // The file must not be closed under a read.
    await coming?.catch(() => {})
  }
}

function* pieces(ranges: readonly ByteRange[]): Generator<ByteRange> {
  for (const { offset, bytes } of ranges) {
    for (let done = 0; done < bytes; done += CHUNK_BYTES) {
      yield { offset: offset + done, bytes: Math.min(CHUNK_BYTES, bytes - done) }
    }
  }
}
