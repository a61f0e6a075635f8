/**
 * Runs a handshake over a socket, within a deadline that no trickle of bytes puts off. Knows
 * nothing of what the two ends check.
 */
import type { Socket } from 'node:net'
import { SputnikError } from '../base/errors.js'
import { FrameStream } from './frame-stream.js'
import {
  type Admission,
  type Admitted,
  type Handshake,
  type HeadWelcome,
  JoinHandshake,
} from './handshake.js'
import {
  HANDSHAKE_BYTES_MAX,
  type Join,
  type Pages,
  type PagesWelcome,
  type Welcome,
} from './handshake-messages.js'
import { decodeMessage, encodeMessage, MESSAGE_KIND } from './message.js'
import {
  Entrance,
  OpenPagesHandshake,
  type PagesAdmitted,
  type PagesDoor,
  PagesHandshake,
} from './page-handshake.js'
import type { SecureConnection } from './secure-socket.js'

/** So long a refused peer may take to read why. */
const FAREWELL_MS = 2000

export type Shaken<T> = {
  readonly result: T
  /**
   * Goes on with the frames after the handshake: `allow` what may come, call `next` for what waits
   * in it already, then listen to the socket and `resume` it, since it is paused.
   */
  readonly frames: FrameStream
}

export type JoinOverOptions = {
  readonly join: Omit<Join, 'type' | 'protocol'>
  readonly timeoutMs: number
}

/**
 * The node's end. The socket is paused afterwards, or destroyed when it fails.
 * @throws SputnikError the head's reason, LINK_TIMEOUT, PEER_UNREACHABLE, FRAME_INVALID
 */
export function joinOver(
  { socket }: SecureConnection,
  { join, timeoutMs }: JoinOverOptions,
): Promise<Shaken<Welcome>> {
  const handshake = new JoinHandshake({ join, timeoutMs, now: performance.now() })
  return shake(socket, { handshake, timeoutMs })
}

export type AdmitOverOptions = {
  readonly welcome: HeadWelcome
  readonly admission: Admission
  readonly door: PagesDoor
  readonly timeoutMs: number
}

/** The head's end, whatever the node comes for. @throws SputnikError why the node was refused */
export function admitOver(
  { socket, peerId }: SecureConnection,
  options: AdmitOverOptions,
): Promise<Shaken<Admitted | PagesAdmitted>> {
  const handshake = new Entrance({ ...options, peerId, now: performance.now() })
  return shake(socket, { handshake, timeoutMs: options.timeoutMs })
}

/** The end that wants pages; throws as `joinOver`. */
export function openPagesOver(
  { socket }: SecureConnection,
  { pages, timeoutMs }: { pages: Omit<Pages, 'type' | 'protocol'>; timeoutMs: number },
): Promise<Shaken<PagesWelcome>> {
  const handshake = new OpenPagesHandshake({ pages, timeoutMs, now: performance.now() })
  return shake(socket, { handshake, timeoutMs })
}

/** The end of a node that serves pages and nothing else; throws as `admitOver`. */
export function servePagesOver(
  { socket, peerId }: SecureConnection,
  { door, timeoutMs }: { door: PagesDoor; timeoutMs: number },
): Promise<Shaken<PagesAdmitted>> {
  const handshake = new PagesHandshake({ door, peerId, timeoutMs, now: performance.now() })
  return shake(socket, { handshake, timeoutMs })
}

type Shaking<T> = { readonly handshake: Handshake<T>; readonly timeoutMs: number }

function shake<T>(socket: Socket, { handshake, timeoutMs }: Shaking<T>): Promise<Shaken<T>> {
  const frames = new FrameStream({ payloadBytesMax: HANDSHAKE_BYTES_MAX })
  return new Promise((resolve, reject) => {
    const step = (act: () => void): void => {
      act()
      for (const message of handshake.takeOutbox()) {
        socket.write(encodeMessage(MESSAGE_KIND.handshake, message))
      }
      if (handshake.state.kind !== 'waiting') finish()
    }
    const onData = (chunk: Uint8Array): void => step(() => receive(handshake, { frames, chunk }))
    const onClose = (): void => step(() => handshake.fail(closed()))
    const timer = setTimeout(() => step(() => handshake.tick(performance.now())), timeoutMs + 1)
    const finish = (): void => {
      clearTimeout(timer)
      socket.pause().off('data', onData).off('close', onClose).off('end', onClose)
      const { state } = handshake
      if (state.kind === 'done') resolve({ result: state.result, frames })
      if (state.kind !== 'failed') return
      sayFarewell(socket)
      reject(state.error)
    }
    socket.on('data', onData).on('close', onClose).on('end', onClose).resume()
    // Errors end in `close`, which is handled.
    socket.on('error', () => {})
    step(() => (socket.destroyed ? handshake.fail(closed()) : undefined))
  })
}

function receive<T>(
  handshake: Handshake<T>,
  { frames, chunk }: { frames: FrameStream; chunk: Uint8Array },
): void {
  try {
    frames.feed(chunk)
    while (handshake.state.kind === 'waiting') {
      const frame = frames.next()
      if (frame === undefined) return
      handshake.receive(decodeMessage(frame, MESSAGE_KIND.handshake))
    }
  } catch (error) {
    if (!(error instanceof SputnikError)) throw error
    handshake.fail(error)
  }
}

/** Ends the socket so that what was written still arrives, and in bounded time. */
function sayFarewell(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), FAREWELL_MS)
  socket.once('close', () => clearTimeout(timer))
  // What still comes is thrown away, because unread bytes would reset the connection.
  socket.resume().end()
}

function closed(): SputnikError {
  return new SputnikError('PEER_UNREACHABLE', 'the other end closed the connection')
}
