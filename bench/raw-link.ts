/** A link of our own between two processes, opened the same way at both ends. */
import { type FrameKind, frameHeader, HEADER_BYTES, writeHeader } from '../src/fabric/frame.js'
import type { Link } from '../src/fabric/link.js'
import { SharedLink } from '../src/fabric/shared-link.js'
import { SocketLink } from '../src/fabric/socket-link.js'
import type { NativeBuffer } from '../src/native/memory.js'
import { unmapShared } from '../src/native/shared-memory.js'
import { localSockets } from '../src/native/sockets.js'
import { now } from './support.js'

const SEND_MS = 5000

export type RawLinkOptions = {
  readonly socket: number
  /** Undefined: everything goes through the socket. */
  readonly memory: NativeBuffer | undefined
  readonly isHead: boolean
  readonly spinUs: number
}

export function openRawLink({ socket: fd, memory, isHead, spinUs }: RawLinkOptions): Link {
  const sockets = localSockets()
  const socket = new SocketLink({ sockets, socket: fd, spinUs, sendTimeoutMs: SEND_MS, now })
  if (memory === undefined) return socket
  const release = (): void => unmapShared(memory)
  return new SharedLink({ socket, memory, isHead, spinUs, yield: sockets.yield, now, release })
}

/** A frame of so many bytes, header included, that means nothing. */
export function sendFrame(
  link: Link,
  { kind, bytes }: { kind: FrameKind; bytes: number },
): boolean {
  const frame = link.frame(bytes)
  writeHeader(frame.view, frameHeader(kind, { payloadBytes: bytes - HEADER_BYTES, tokens: 1 }))
  return link.send(frame, bytes)
}
