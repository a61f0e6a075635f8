/**
 * A link carries frames between the head and a card. This is the one a step uses: it blocks, since
 * the step runs inside a native call and no event loop turns meanwhile.
 */
import type { NativeBuffer } from '../native/memory.js'

/** A frame in native memory; valid until the next receive on the same link. */
export type ReceivedFrame = {
  readonly buffer: NativeBuffer
  /** Bytes of the whole frame, header included. */
  readonly bytes: number
}

export type Link = {
  /** Memory to write the next frame into; what is written elsewhere is copied. */
  frame(bytes: number): NativeBuffer
  /** Sends a whole frame; false when the peer is gone or the deadline passes. */
  send(frame: NativeBuffer, bytes: number): boolean
  /** The next frame; undefined when the peer is gone or the deadline passes. */
  receive(timeoutMs: number): ReceivedFrame | undefined
  close(): void
  readonly bytesSent: number
  readonly bytesReceived: number
}

/** What to wait for while nothing comes. */
export type Waits = {
  /** -1: nothing that poll(2) could wait for. */
  readonly fd: number
  /** Whether bytes wait for room in the socket. */
  readonly isWriting: boolean
  /** Announces the sleep; false when something has come meanwhile, so nobody must sleep. */
  doze(): boolean
  /** The sleep is over. */
  wake(): void
}

/** A link that is looked at without waiting. */
export type PolledLink = Link & {
  poll(): ReceivedFrame | 'gone' | undefined
  readonly waits: Waits
}
