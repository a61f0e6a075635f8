/**
 * A loaded model: load with devices and buffer overrides, read what it is, free it. Knows nothing
 * of contexts and of what the devices do.
 */

import { accessSync, constants, existsSync } from 'node:fs'
import koffi from 'koffi'
import { assert } from '../base/assert.js'
import { type ErrorCode, SputnikError } from '../base/errors.js'
import { llama } from './llama.js'
import { type ModelParams, STRUCT_BYTES } from './llama-structs.js'
import { Vocab } from './llama-vocab.js'
import { allocateNative, nativeString, type Pointer } from './memory.js'
import { clearNativeLog, lastNativeError, nativeError } from './native-log.js'

export type BufferOverride = { readonly pattern: string; readonly bufferType: Pointer }

export type LoadMode = 'auto' | 'read' | 'mmap'

export type LoadOptions = {
  /** GPU devices in order; undefined: all that the library has; empty: none. */
  readonly devices?: readonly Pointer[] | undefined
  /** Buffer types for the tensors whose names match a regular expression, first match wins. */
  readonly overrides?: readonly BufferOverride[] | undefined
  /** Layers on GPU devices; -1 is all. */
  readonly gpuLayers?: number | undefined
  readonly loadMode?: LoadMode | undefined
  /** Let the CPU backend repack weights into faster layouts (on by default). */
  readonly useExtraBuffers?: boolean | undefined
  readonly vocabOnly?: boolean | undefined
  /** Called with the done share in [0, 1]; false ends the load. */
  readonly onProgress?: ((done: number) => boolean) | undefined
}

const LOAD_MODE = { auto: -1, read: 0, mmap: 1 } as const satisfies Record<LoadMode, number>

const ProgressCallback = koffi.proto('bool SputnikLoadProgress(float progress, void *data)')

export class Model {
  readonly handle: Pointer
  readonly vocab: Vocab
  #isOpen = true

  private constructor(handle: Pointer) {
    this.handle = handle
    this.vocab = new Vocab(llama().modelVocab(handle))
  }

  /**
   * Loads a model from its files, in order when it is split.
   * @throws SputnikError FILE_NOT_FOUND, FILE_UNREADABLE, MODEL_UNSUPPORTED, GGUF_INVALID,
   *   OUT_OF_MEMORY, NATIVE_FAILED
   */
  static load(paths: readonly string[], options: LoadOptions = {}): Model {
    checkFiles(paths)
    const progress = registerProgress(options.onProgress)
    clearNativeLog()
    try {
      const params = modelParams(options, progress)
      const handle =
        paths.length === 1
          ? llama().modelLoad(paths[0] ?? '', params)
          : llama().modelLoadSplits([...paths], paths.length, params)
      if (handle === null) {
        throw nativeError(loadErrorCode(), `the model ${paths[0]} cannot be loaded`)
      }
      return new Model(handle)
    } finally {
      if (progress !== null) koffi.unregister(progress)
    }
  }

  get trainContextLength(): number {
    return llama().modelTrainContext(this.handle)
  }

  get layers(): number {
    return llama().modelLayers(this.handle)
  }

  /** Positions a sliding-window layer sees; 0 without such layers. */
  get slidingWindow(): number {
    return llama().modelSlidingWindow(this.handle)
  }

  /** Bytes of all tensors. */
  get bytes(): number {
    return Number(llama().modelBytes(this.handle))
  }

  get isRecurrent(): boolean {
    return llama().modelIsRecurrent(this.handle)
  }

  get isHybrid(): boolean {
    return llama().modelIsHybrid(this.handle)
  }

  get isDiffusion(): boolean {
    return llama().modelIsDiffusion(this.handle)
  }

  get hasDecoder(): boolean {
    return llama().modelHasDecoder(this.handle)
  }

  get hasEncoder(): boolean {
    return llama().modelHasEncoder(this.handle)
  }

  get chatTemplate(): string | null {
    return llama().modelChatTemplate(this.handle, null)
  }

  /** For example `qwen3moe 30B.A3B Q4_0`. */
  get description(): string {
    const buffer = new Uint8Array(256)
    const length = llama().modelDescription(this.handle, buffer, buffer.length)
    return new TextDecoder().decode(buffer.subarray(0, Math.min(Math.max(length, 0), 255)))
  }

  /** A scalar of the metadata as text; undefined when there is none of this name. */
  metadata(key: string): string | undefined {
    const length = llama().modelMetadata(this.handle, key, new Uint8Array(1), 1)
    if (length < 0) return undefined
    const buffer = new Uint8Array(length + 1)
    llama().modelMetadata(this.handle, key, buffer, buffer.length)
    return new TextDecoder().decode(buffer.subarray(0, length))
  }

  free(): void {
    assert(this.#isOpen, 'a model is freed twice')
    this.#isOpen = false
    llama().modelFree(this.handle)
  }
}

function checkFiles(paths: readonly string[]): void {
  assert(paths.length > 0, 'a model has at least one file')
  for (const path of paths) {
    if (!existsSync(path)) {
      throw new SputnikError('FILE_NOT_FOUND', `there is no file ${path}`)
    }
    try {
      accessSync(path, constants.R_OK)
    } catch (error) {
      throw new SputnikError('FILE_UNREADABLE', `${path} cannot be read`, {}, error)
    }
  }
}

function modelParams(options: LoadOptions, progress: Pointer | null): ModelParams {
  return {
    ...llama().defaults.model,
    devices: options.devices === undefined ? null : deviceList(options.devices),
    tensor_buft_overrides: overrideList(options.overrides ?? []),
    n_gpu_layers: options.gpuLayers ?? -1,
    load_mode: LOAD_MODE[options.loadMode ?? 'auto'],
    use_extra_bufts: options.useExtraBuffers ?? true,
    vocab_only: options.vocabOnly ?? false,
    progress_callback: progress,
  }
}

/** A NULL-terminated array of devices. */
function deviceList(devices: readonly Pointer[]): Pointer {
  const list = allocateNative((devices.length + 1) * 8)
  devices.forEach((device, index) => {
    list.view.setBigUint64(index * 8, device, true)
  })
  return list.address
}

/** A NULL-terminated array of `llama_model_tensor_buft_override`. */
function overrideList(overrides: readonly BufferOverride[]): Pointer | null {
  if (overrides.length === 0) return null
  const list = allocateNative((overrides.length + 1) * STRUCT_BYTES.override)
  overrides.forEach(({ pattern, bufferType }, index) => {
    list.view.setBigUint64(index * STRUCT_BYTES.override, nativeString(pattern), true)
    list.view.setBigUint64(index * STRUCT_BYTES.override + 8, bufferType, true)
  })
  return list.address
}

function registerProgress(onProgress: LoadOptions['onProgress']): Pointer | null {
  if (onProgress === undefined) return null
  return koffi.register((done: number) => onProgress(done), koffi.pointer(ProgressCallback))
}

/** The library says why in words only. */
function loadErrorCode(): ErrorCode {
  const text = lastNativeError()
  if (/unknown model architecture|unknown pre-tokenizer|not supported/i.test(text)) {
    return 'MODEL_UNSUPPORTED'
  }
  if (/allocate|out of memory|mmap failed/i.test(text)) return 'OUT_OF_MEMORY'
  if (/gguf|tensor|key not found|wrong shape|magic|corrupted|tokenizer|vocab/i.test(text)) {
    return 'GGUF_INVALID'
  }
  return 'NATIVE_FAILED'
}
