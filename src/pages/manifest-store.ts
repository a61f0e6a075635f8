/**
 * Manifests of the models on this machine: made once, kept in the user's cache, made anew when a
 * file of the model has changed. Knows nothing of how pages are hashed.
 */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDirectory } from '../base/cache.js'
import { codeOf, SputnikError } from '../base/errors.js'
import { type GgufFile, type GgufModel, openGguf } from '../gguf/reader.js'
import { writeAtomic } from './atomic-file.js'
import { type HashProgress, hashModel } from './hash-model.js'
import {
  decodeManifest,
  encodeManifest,
  HASH_BYTES,
  MANIFEST_LIMITS,
  type Manifest,
} from './manifest.js'

export type ManifestOptions = {
  readonly onProgress?: HashProgress | undefined
  readonly signal?: AbortSignal | undefined
  /** Where manifests are kept; by default in the user's cache. */
  readonly folder?: string | undefined
}

const STAMP_BYTES = 32
const FILE_BYTES_MAX =
  STAMP_BYTES + MANIFEST_LIMITS.headerBytes + MANIFEST_LIMITS.pages * HASH_BYTES
const READ_BYTES = 1 << 20

/**
 * The manifest of the model at `path`, from the cache or made now (minutes for a large model).
 * @throws SputnikError of the GGUF reader; GGUF_INVALID when a file changes meanwhile;
 * CACHE_UNWRITABLE; the reason of `signal`
 */
export async function manifestOf(path: string, options: ManifestOptions = {}): Promise<Manifest> {
  const model = openGguf(path)
  const stamp = stampOf(model)
  const place = placeOf(model, options.folder)
  const known = await readKnown(place, stamp)
  if (known !== undefined) return known
  const manifest = await hashModel(model, options)
  if (!stampOf(model).equals(stamp)) {
    throw new SputnikError('GGUF_INVALID', `${path}: it changed while it was being read`, { path })
  }
  await writeAtomic(place, [stamp, encodeManifest(manifest)])
  return manifest
}

/** The manifest of the model at `path` if it is in the cache and no file has changed since. */
export async function knownManifest(
  path: string,
  options: Pick<ManifestOptions, 'folder'> = {},
): Promise<Manifest | undefined> {
  const model = openGguf(path)
  return readKnown(placeOf(model, options.folder), stampOf(model))
}

/** One place per path, so that a model that changes often leaves no heap of old manifests. */
function placeOf(model: GgufModel, folder: string | undefined): string {
  const name = createHash('sha256').update(realpathSync(model.path)).digest('hex').slice(0, 32)
  return join(folder ?? join(cacheDirectory(), 'manifests'), `${name}.manifest`)
}

/** Hash of what changes when a model changes: path, size, time and header of every file. */
function stampOf(model: GgufModel): Buffer {
  const hash = createHash('sha256')
  for (const file of model.files) {
    const path = realpathSync(file.path)
    const { size, mtimeNs } = statSync(path, { bigint: true })
    hash.update(`${JSON.stringify([path, String(size), String(mtimeNs)])}\n`)
    hash.update(headerHash(file))
  }
  return hash.digest()
}

function headerHash({ path, dataOffset }: GgufFile): Buffer {
  const hash = createHash('sha256')
  const buffer = new Uint8Array(Math.min(READ_BYTES, dataOffset))
  const file = openSync(path, 'r')
  try {
    for (let at = 0; at < dataOffset; ) {
      const read = readSync(file, buffer, 0, Math.min(buffer.length, dataOffset - at), at)
      if (read === 0) break
      hash.update(buffer.subarray(0, read))
      at += read
    }
  } finally {
    closeSync(file)
  }
  return hash.digest()
}

/** A cache that is missing, old or damaged is no error: the manifest is made anew. */
async function readKnown(place: string, stamp: Buffer): Promise<Manifest | undefined> {
  const bytes = await readSmall(place)
  if (bytes === undefined || !bytes.subarray(0, STAMP_BYTES).equals(stamp)) return undefined
  try {
    return decodeManifest(bytes.subarray(STAMP_BYTES))
  } catch (error) {
    if (error instanceof SputnikError && error.code === 'MANIFEST_INVALID') return undefined
    throw error
  }
}

async function readSmall(place: string): Promise<Buffer | undefined> {
  try {
    const { size } = await stat(place)
    return size <= FILE_BYTES_MAX ? await readFile(place) : undefined
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
