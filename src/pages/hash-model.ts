/**
 * Makes the manifest of a model by reading all its files once, in memory that does not depend on
 * their size. Knows nothing of caches.
 */
import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { assert, defined } from '../base/assert.js'
import { invalidFile } from '../gguf/file.js'
import { type ExpertLayer, mapPages } from '../gguf/pages.js'
import type { GgufModel } from '../gguf/reader.js'
import { type GgufTensor, TENSOR_TYPES } from '../gguf/types.js'
import { HASH_BYTES, type Manifest, makeManifest } from './manifest.js'
import { hashMetadata } from './metadata-hash.js'
import { readChunks } from './read-range.js'
import type { RegionGeometry } from './region-geometry.js'

export type HashProgress = (done: { readonly bytes: number; readonly totalBytes: number }) => void

export type HashOptions = {
  readonly onProgress?: HashProgress | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Reads `model` in full; the event loop keeps turning.
 * @throws SputnikError GGUF_INVALID when a file changes meanwhile, MANIFEST_INVALID when the model
 * is beyond all limits; the reason of `signal`
 */
export async function hashModel(model: GgufModel, options: HashOptions = {}): Promise<Manifest> {
  const layers = mapPages(model).layers
  const files = await openAll(model)
  try {
    const before = await stampsOf(files)
    const hashing = new Hashing(model, { files, options })
    const hashes = await hashing.pages(layers)
    const trunk = await hashing.trunk(layers)
    checkUnchanged(model, { before, after: await stampsOf(files) })
    const regions = layers.map(regionGeometry)
    return makeManifest({ architecture: model.architecture, trunk, regions, hashes })
  } finally {
    await Promise.all(files.map((file) => file.close()))
  }
}

/** The geometry of a region as a manifest states it: without where it lies. */
export function regionGeometry({ layer, group, experts, tensors }: ExpertLayer): RegionGeometry {
  return {
    layer,
    group,
    experts,
    tensors: tensors.map(({ name, role, kind, type, shape, sliceBytes }) => ({
      name,
      role,
      kind,
      typeId: TENSOR_TYPES[type].id,
      shape: [...shape],
      sliceBytes,
    })),
  }
}

class Hashing {
  readonly #model: GgufModel
  readonly #files: readonly FileHandle[]
  readonly #options: HashOptions
  readonly #totalBytes: number
  #bytes = 0

  constructor(
    model: GgufModel,
    { files, options }: { files: readonly FileHandle[]; options: HashOptions },
  ) {
    this.#model = model
    this.#files = files
    this.#options = options
    this.#totalBytes = [...model.tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async pages(layers: readonly ExpertLayer[]): Promise<Uint8Array> {
    const digests: Buffer[] = []
    for (const layer of layers) {
      const hashes = Array.from({ length: layer.experts }, () => createHash('sha256'))
      for (const tensor of layer.tensors) {
        const bytes = tensor.sliceBytes * layer.experts
        await this.#read({ ...tensor, bytes }, { hashes, sliceBytes: tensor.sliceBytes })
      }
      for (const hash of hashes) digests.push(hash.digest())
    }
    assert(
      digests.every((digest) => digest.length === HASH_BYTES),
      'a hash of another length',
    )
    return new Uint8Array(Buffer.concat(digests))
  }

  /** Tensors are read in the order of the files and hashed in the order of their names. */
  async trunk(layers: readonly ExpertLayer[]): Promise<Manifest['trunk']> {
    const inPages = new Set(layers.flatMap(({ tensors }) => tensors.map(({ name }) => name)))
    const tensors = [...this.#model.tensors.values()].filter(({ name }) => !inPages.has(name))
    const lines: string[] = []
    for (const tensor of tensors) {
      const hash = createHash('sha256')
      await this.#read(tensor, { hashes: [hash], sliceBytes: tensor.bytes })
      lines.push(describe(tensor, hash.digest('hex')))
    }
    const whole = createHash('sha256').update(lines.toSorted().join(''))
    hashMetadata(this.#model, whole)
    const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
    return { bytes, hash: whole.digest('hex') }
  }

  /** Gives slice `i` of a tensor to hash `i`. */
  async #read(
    tensor: { readonly file: number; readonly offset: number; readonly bytes: number },
    { hashes, sliceBytes }: { hashes: readonly Hash[]; sliceBytes: number },
  ): Promise<void> {
    let at = 0
    const file = defined(this.#files[tensor.file], 'file of a tensor')
    for await (const chunk of readChunks(file, [tensor])) {
      this.#options.signal?.throwIfAborted()
      for (let done = 0; done < chunk.length; ) {
        const slice = Math.floor(at / sliceBytes)
        const length = Math.min(chunk.length - done, (slice + 1) * sliceBytes - at)
        defined(hashes[slice], 'hash of a slice').update(chunk.subarray(done, done + length))
        done += length
        at += length
      }
      this.#bytes += chunk.length
      this.#options.onProgress?.({ bytes: this.#bytes, totalBytes: this.#totalBytes })
    }
  }
}

function describe({ name, type, shape }: GgufTensor, hash: string): string {
  return `${JSON.stringify([name, type, shape, hash])}\n`
}

async function openAll(model: GgufModel): Promise<FileHandle[]> {
  const files: FileHandle[] = []
  try {
    for (const { path } of model.files) files.push(await open(path, 'r'))
    return files
  } catch (error) {
    await Promise.all(files.map((file) => file.close()))
    throw error
  }
}

function stampsOf(files: readonly FileHandle[]): Promise<string[]> {
  return Promise.all(
    files.map(async (file) => {
      const { size, mtimeNs } = await file.stat({ bigint: true })
      return `${size} ${mtimeNs}`
    }),
  )
}

function checkUnchanged(
  model: GgufModel,
  { before, after }: { before: readonly string[]; after: readonly string[] },
): void {
  const changed = model.files.find((_, index) => before[index] !== after[index])
  if (changed !== undefined) throw invalidFile(changed.path, 'it changed while it was being read')
}
