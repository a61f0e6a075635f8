/**
 * What the two ends of a link tell each other about credit: 24 bytes, all numbers little endian.
 * Positions are totals since the connection began, so that a message that comes twice, late or out
 * of order changes nothing (as MAX_DATA does in QUIC, RFC 9000 section 4.1). Knows nothing of who
 * grants or why.
 *
 * u32 kind, u32 generation of the connection, u32 transfer, u32 lease in microseconds (grant) or
 * bytes to go (want), u64 position. Fields a kind does not use are zero.
 */
import { SputnikError } from '../base/errors.js'
import { FRAME_BYTES_MAX } from './frame.js'

export const CREDIT_MESSAGE_BYTES = 24
/** In one frame. */
export const CREDIT_MESSAGES_MAX = 6

/** Longest lease a grant may carry. */
export const LEASE_US_MAX = 60_000_000

/** From the receiver of data: so much may be sent in all on this connection. */
export type Grant = {
  readonly kind: 'grant'
  readonly generation: number
  readonly grantedBytes: number
  /** What is not sent by then, counted from receipt, must be forfeited. */
  readonly leaseUs: number
}

/** From the sender of data: this transfer is ready and has so many bytes to go. */
export type Want = {
  readonly kind: 'want'
  readonly generation: number
  readonly transfer: number
  readonly bytes: number
  /** Bytes sent in all on this connection when the transfer will be through: dates the want. */
  readonly endBytes: number
}

/** From the sender of data: so much of what was granted in all will never be used. */
export type Forfeit = {
  readonly kind: 'forfeit'
  readonly generation: number
  readonly forfeitedBytes: number
}

export type CreditMessage = Grant | Want | Forfeit

const KIND = { grant: 1, want: 2, forfeit: 3 } as const

/** Fills 24 bytes from `offset`. */
export function writeCreditMessage(view: DataView, offset: number, message: CreditMessage): void {
  view.setUint32(offset, KIND[message.kind], true)
  view.setUint32(offset + 4, message.generation, true)
  view.setUint32(offset + 8, message.kind === 'want' ? message.transfer : 0, true)
  view.setUint32(offset + 12, detailOf(message), true)
  view.setBigUint64(offset + 16, BigInt(positionOf(message)), true)
}

/** @throws SputnikError FRAME_INVALID */
export function readCreditMessage(view: DataView, offset: number): CreditMessage {
  check(view.byteLength - offset >= CREDIT_MESSAGE_BYTES, 'too short')
  const kind = view.getUint32(offset, true)
  const generation = view.getUint32(offset + 4, true)
  const transfer = view.getUint32(offset + 8, true)
  const detail = view.getUint32(offset + 12, true)
  const wide = view.getBigUint64(offset + 16, true)
  check(wide <= BigInt(Number.MAX_SAFE_INTEGER), 'beyond all counting')
  const position = Number(wide)
  if (kind === KIND.want) {
    check(detail > 0 && detail <= FRAME_BYTES_MAX, 'asking for more than a frame, or nothing')
    check(position >= detail, 'asking for more than it will have sent')
    return { kind: 'want', generation, transfer, bytes: detail, endBytes: position }
  }
  check(transfer === 0, 'naming a transfer it cannot have')
  if (kind === KIND.grant) {
    check(detail > 0 && detail <= LEASE_US_MAX, 'of no lease or too long a one')
    return { kind: 'grant', generation, grantedBytes: position, leaseUs: detail }
  }
  check(kind === KIND.forfeit && detail === 0, 'of an unknown kind')
  return { kind: 'forfeit', generation, forfeitedBytes: position }
}

function detailOf(message: CreditMessage): number {
  if (message.kind === 'grant') return message.leaseUs
  return message.kind === 'want' ? message.bytes : 0
}

function positionOf(message: CreditMessage): number {
  if (message.kind === 'grant') return message.grantedBytes
  return message.kind === 'want' ? message.endBytes : message.forfeitedBytes
}

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new SputnikError('FRAME_INVALID', `a credit message is ${what}`)
}
