/**
 * What `sputnik join` and the domain process it starts say to each other, as plain data over node's
 * IPC. The one message to the process is `start`. SIGTERM ends it once its pages lie elsewhere, a
 * closed channel at once.
 */
import type { PlainError } from '../base/errors.js'
import type { LogLevel } from '../base/log.js'

/** A head to join. */
export type HeadConfig = {
  /** An IPv6 address is without brackets. */
  readonly host: string
  readonly port: number
  /** SHA-256 of the head's public key, hexadecimal. */
  readonly pin: string
  /** Null for a node that the head knows already. `secret` is hexadecimal. */
  readonly key: { readonly id: string; readonly secret: string } | null
}

/** Everything a domain process needs to start; sent to it as its first message. */
export type DomainConfig = {
  /** Each is lent an equal part of the memory. */
  readonly heads: readonly HeadConfig[]
  readonly identity: {
    readonly nodeId: string
    readonly keyPem: string
    readonly certificatePem: string
  }
  /** What people call this machine. */
  readonly name: string
  /** Devices of the cards, separated by commas: `cpu`, `cuda0,cuda1,cpu`. */
  readonly device: string
  /** Of each card. */
  readonly threads: number
  /** A local copy of a head's model, to take pages from; null: none was named. */
  readonly modelPath: string | null
  /** Look for a copy in the usual places when none is named. */
  readonly search: boolean
  /** Http(s) addresses of the models, to take pages from. */
  readonly sources: readonly string[]
  /** Where pages are kept; null: in the user's cache, as much as the disk has room for. */
  readonly pageStore: { readonly folder: string | null; readonly bytesMax: number | null }
  /** Most bytes of pages to hold, for all heads; null: the domain decides by what is free. */
  readonly memoryBytes: number | null
  /** Which native library to load. */
  readonly backend: 'auto' | 'cpu' | 'cuda' | 'vulkan' | 'metal'
  readonly logLevel: LogLevel
  /** No encryption; for loopback alone. */
  readonly plain: boolean
}

export type DomainCommand = { readonly kind: 'start'; readonly config: DomainConfig }

export type DomainState = 'connecting' | 'loading' | 'ready'

export type DomainEvent =
  /** `head` is its place in `heads`; `text` is for people, without a line break. */
  | {
      readonly kind: 'state'
      readonly head: number
      readonly state: DomainState
      readonly text: string
    }
  /** What the domain holds so far, for all heads; a few times a second for each at most. */
  | { readonly kind: 'progress'; readonly pages: number; readonly bytes: number }
  /** One of several heads is gone: tried again after `delayMs`; null: given up for good. */
  | {
      readonly kind: 'lost'
      readonly head: number
      readonly error: PlainError
      readonly delayMs: number | null
    }
  /** The process ends after this; it is not started again when the failure is final. */
  | { readonly kind: 'failed'; readonly error: PlainError; readonly isFinal: boolean }
