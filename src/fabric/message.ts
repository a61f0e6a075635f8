/**
 * JSON messages as frames in plain memory, for threads without native code. Knows nothing of single
 * messages.
 */
import { SputnikError } from '../base/errors.js'
import { frameHeader } from './frame.js'
import { encodeFrame, type Frame } from './frame-stream.js'

/** Beyond the kinds that a card knows, see `FRAME`. */
export const MESSAGE_KIND = {
  handshake: 32,
} as const

export type MessageKind = (typeof MESSAGE_KIND)[keyof typeof MESSAGE_KIND]

export function encodeMessage(kind: MessageKind, message: unknown): Uint8Array {
  const payload = new TextEncoder().encode(JSON.stringify(message))
  return encodeFrame(frameHeader(kind, { payloadBytes: payload.length }), payload)
}

/** What was sent, not checked yet. @throws SputnikError FRAME_INVALID */
export function decodeMessage(frame: Frame, kind: MessageKind): unknown {
  if (frame.header.kind !== kind) {
    throw new SputnikError('FRAME_INVALID', `a frame of kind ${frame.header.kind} came too early`)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(frame.payload))
  } catch (cause) {
    throw new SputnikError('FRAME_INVALID', 'a message is not JSON', {}, cause)
  }
}
