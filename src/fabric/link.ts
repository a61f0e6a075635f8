/**
 * A link carries frames between the head and a domain or a card. Nothing here waits but `receive`:
 * the thread that computes steps looks at all its links in turn and sleeps on all of them at once,
 * see wait-any.ts, since a step runs inside a native call and no event loop turns meanwhile.
 */
import type { NativeBuffer } from '../native/memory.js'

/** A frame in native memory; valid until the next `poll` or `receive` on the same link. */
export type ReceivedFrame = {
  readonly buffer: NativeBuffer
  /** Bytes of the whole frame, header included. */
  readonly bytes: number
}

/** The whole frame, as valid as it. */
export function bytesOf({ buffer, bytes }: ReceivedFrame): Uint8Array {
  return buffer.bytes.subarray(0, bytes)
}

/** What to wait for while nothing comes. */
export type Waits = {
  /** -1: nothing that poll(2) could wait for. */
  readonly fd: number
  /** Whether bytes wait for room in the socket. */
  readonly isWriting: boolean
  /** Longest sleep; absent: any. */
  readonly limitMs?: number
  /** Announces the sleep; false when something has come meanwhile, so that nobody may sleep. */
  doze(): boolean
  /** The sleep is over, or did not begin. */
  wake(): void
}

export type Link = {
  /** Memory to write the next frame into; what is written elsewhere is copied. */
  frame(bytes: number): NativeBuffer
  /**
   * Takes a whole frame; its memory may be used again afterwards. False when the peer is gone;
   * links to cards wait for room, so there also when the deadline passes.
   */
  send(frame: NativeBuffer, bytes: number): boolean
  /** The next frame if one is there; also moves on what waits to be sent. Never waits. */
  poll(): ReceivedFrame | 'gone' | undefined
  /** Waits for the next frame; undefined when the peer is gone or the deadline passes. */
  receive(timeoutMs: number): ReceivedFrame | undefined
  readonly waits: Waits
  close(): void
  readonly bytesSent: number
  readonly bytesReceived: number
}
