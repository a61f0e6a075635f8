/** What the main thread of a domain and its supply thread say to each other, as plain data. */
import type { MessagePort } from 'node:worker_threads'
import type { PlainError } from '../base/errors.js'
import type { LogLevel } from '../base/log.js'
import type { PageSource } from '../fabric/control.js'
import type { Identity } from '../fabric/identity.js'
import type { ModelCopy } from '../pages/card-load.js'
import type { Manifest } from '../pages/manifest.js'

/** What a supply thread is started with. */
export type SupplySetup = {
  readonly head: {
    readonly host: string
    readonly port: number
    readonly pin: string
    readonly plain: boolean
  }
  readonly identity: Identity
  /** Of the head's welcome; the manifest must have it. */
  readonly modelHash: string
  /** A copy of the model on this machine; null: none was named. */
  readonly modelPath: string | null
  /** Whether that may be a copy of another head's model. */
  readonly isOneOfSeveral: boolean
  /** Look for a copy in the usual places when none is named. */
  readonly search: boolean
  /** Http(s) addresses of the model. */
  readonly urls: readonly string[]
  /** Where pages are kept; null: in the user's cache, as much as the disk has room for. */
  readonly store: { readonly folder: string | null; readonly bytesMax: number | null }
  readonly logLevel: LogLevel
}

export type SupplyWorkerData = {
  readonly setup: SupplySetup
  readonly port: MessagePort
  /** One number that the thread raises every `BEAT_MS`, for as long as it lives. */
  readonly beats: SharedArrayBuffer
}

export const BEAT_MS = 1000

/** What the thread has found out; told once, before anything is wanted. */
export type SupplyOpened = {
  readonly manifest: Manifest
  /** Regions of the manifest that steps use; they come first. */
  readonly regionsInUse: number
  /** The copy of the model that pages without a source lie in. */
  readonly copy: ModelCopy | null
  /** Pages that are not in the copy must fit in here together. */
  readonly storeBytesMax: number
}

export type SupplyStart =
  | { readonly kind: 'opened'; readonly opened: SupplyOpened }
  | { readonly kind: 'failed'; readonly error: PlainError }

/** Tickets number wants: an answer is to one want, however often a page was wanted before. */
export type SupplyCommand =
  /** Ticket, region and expert of each. */
  | { readonly kind: 'want'; readonly wants: Uint32Array }
  | { readonly kind: 'release'; readonly tickets: Uint32Array }
  /** Region and expert of each: cards cannot read them where they were said to be. */
  | { readonly kind: 'reject'; readonly pages: Uint32Array }
  | { readonly kind: 'close' }

export type SupplyNews =
  | {
      readonly kind: 'ready'
      readonly ticket: number
      readonly source: PageSource | null
      readonly badPages: number
    }
  | {
      readonly kind: 'failed'
      readonly ticket: number
      readonly error: PlainError
      readonly badPages: number
    }
  /** The thread can do nothing any more. */
  | { readonly kind: 'broken'; readonly error: PlainError }
