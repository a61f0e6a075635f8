/**
 * Fetches as much of a remote GGUF file as its header takes, into a file of the full length with a
 * hole where the tensors are. Knows nothing of what the header says.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { SputnikError } from '../../base/errors.js'
import { readHeader } from '../../gguf/header.js'
import type { RemoteFile } from './remote-file.js'

const FIRST_BYTES = 1 << 20
const GROWTH = 4
/** Of the header; the largest vocabularies need a tenth of it. */
const BYTES_MAX = 256 << 20

/** @throws SputnikError SOURCE_FAILED, or of the GGUF reader; the reason of `signal` */
export async function fetchHeader(
  remote: RemoteFile,
  { path, signal }: { path: string; signal: AbortSignal },
): Promise<void> {
  const sizeBytes = await remote.open(signal)
  const fd = openSync(path, 'wx+')
  try {
    ftruncateSync(fd, sizeBytes)
    const limit = Math.min(sizeBytes, BYTES_MAX)
    for (let have = 0; ; ) {
      const want = Math.min(Math.max(have * GROWTH, FIRST_BYTES), limit)
      const onBytes = (chunk: Uint8Array, at: number): void => writeFully(fd, { chunk, at })
      await remote.read({ offset: have, bytes: want - have, onBytes }, signal)
      have = want
      if (isWhole(path, { have, isLast: have === limit })) return
    }
  } finally {
    closeSync(fd)
  }
}

/** Behind what was fetched lie zeros, which are no valid header: then more is needed. */
function isWhole(path: string, { have, isLast }: { have: number; isLast: boolean }): boolean {
  try {
    return readHeader(path).dataOffset <= have || isLast
  } catch (error) {
    if (isLast || !(error instanceof SputnikError) || !isGguf(error)) throw error
    return false
  }
}

/** What does not begin as a GGUF file will not become one further on. */
function isGguf(error: SputnikError): boolean {
  return error.code === 'GGUF_INVALID' && !error.message.includes('not a GGUF file')
}

function writeFully(fd: number, { chunk, at }: { chunk: Uint8Array; at: number }): void {
  let done = 0
  while (done < chunk.length) {
    done += writeSync(fd, chunk, done, chunk.length - done, at + done)
  }
}
