/**
 * Where the parts of a dispatch lie and how long it and its combine are. Plain counting, so that
 * those who only plan or simulate a fleet can use it too; dispatch.ts says what the parts mean.
 */
import { SputnikError } from '../base/errors.js'
import { FRAME_BYTES_MAX, HEADER_BYTES } from './frame.js'

export type DispatchLayout = {
  /** Byte offsets from the start of the frame. */
  readonly counts: number
  readonly experts: number
  readonly weights: number
  readonly rows: number
  /** Of the whole frame. */
  readonly bytes: number
}

export type DispatchSize = {
  readonly tokens: number
  readonly pairs: number
  readonly rowBytes: number
}

export function dispatchLayout({ tokens, pairs, rowBytes }: DispatchSize): DispatchLayout {
  const counts = HEADER_BYTES
  const experts = (counts + 2 * tokens + 3) & ~3
  const weights = (experts + 2 * pairs + 3) & ~3
  const rows = (weights + 4 * pairs + 15) & ~15
  return { counts, experts, weights, rows, bytes: rows + tokens * rowBytes }
}

/** Bytes of a whole combine frame. @throws SputnikError FRAME_INVALID */
export function combineBytes(rows: number, rowBytes: number): number {
  const bytes = HEADER_BYTES + rows * rowBytes
  if (bytes > FRAME_BYTES_MAX)
    throw new SputnikError('FRAME_INVALID', `a combine of ${bytes} bytes`)
  return bytes
}
