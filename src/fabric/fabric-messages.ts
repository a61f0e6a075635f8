/** What the main thread and the fabric thread of a process say to each other. */
import type { MessagePort } from 'node:worker_threads'
import type { PlainError } from '../base/errors.js'
import type { Join, JoinCard, Welcome } from './handshake-messages.js'
import type { Identity } from './identity.js'
import type { ServedModel } from './page-service.js'

type Common = {
  readonly identity: Identity
  readonly host: string
  readonly port: number
  /** Without encryption, on loopback only. */
  readonly plain: boolean
  readonly heartbeatMs: number
  readonly leaseMs: number
}

/** What a fabric thread is started with. */
export type FabricRole =
  | (Common & {
      readonly role: 'head'
      /** Where join keys and nodes are kept. */
      readonly stateFolder: string
      /** Most of the link that serving pages may take; Infinity: all there is. */
      readonly pageBytesPerSecond: number
    })
  | (Common & {
      readonly role: 'domain'
      readonly pin: string
      readonly key: Join['key']
      readonly name: string
      readonly modelHash: string | null
      readonly cards: readonly JoinCard[]
    })

/** What a fabric thread is given: where it tells its events, since a port can be polled. */
export type FabricStart = { readonly role: FabricRole; readonly events: MessagePort }

/** A peer whose handshake is done and both of whose connections are up; `peer` numbers them. */
export type PeerJoined = {
  readonly kind: 'joined'
  readonly peer: number
  readonly nodeId: string
  readonly address: string
  /** Of the data connection; open until the command `taken` or `close`. */
  readonly fd: number
  /** What the peer has shown on its control connection; null on a plain link. */
  readonly peerCertificatePem: string | null
  /** See `PeerState`. */
  readonly state: SharedArrayBuffer
  /** At the head. */
  readonly join?: Join
  /** At the domain. */
  readonly welcome?: Welcome
}

export type FabricEvent =
  | { readonly kind: 'listening'; readonly host: string; readonly port: number }
  | PeerJoined
  | {
      readonly kind: 'ended'
      readonly peer: number
      readonly reason: string
      /** What the peer gave as its reason. */
      readonly error?: PlainError
    }
  /** A connection that was not let in. */
  | { readonly kind: 'refused'; readonly address: string; readonly error: PlainError }
  /** Nothing can be done any more: the port is taken, the head refuses. */
  | { readonly kind: 'failed'; readonly error: PlainError }

export type FabricCommand =
  /** The main thread has its own descriptor of the data connection. */
  | { readonly kind: 'taken'; readonly peer: number }
  /** The peer is to go; with an error, it is told why. */
  | {
      readonly kind: 'close'
      readonly peer: number
      readonly reason: string
      readonly error?: PlainError
    }
  /** At a head: nodes may join from now on, and get their pages. */
  | { readonly kind: 'model'; readonly model: ServedModel }
