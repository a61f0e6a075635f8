/**
 * The text that lets a machine join: which head to trust (a pin of its public key), and a secret
 * that the head knows. Knows nothing of which keys a head gave out.
 *
 * After the prefix, 96 digits of base 32: u8 version, 32 bytes of pin, 5 of key id, 18 of secret,
 * and 4 of SHA-256 over all of it, which tells a mistyped key from a wrong one.
 */
import { createHash } from 'node:crypto'
import { decodeBase32, encodeBase32 } from '../base/base32.js'
import { SputnikError } from '../base/errors.js'

export type JoinKey = {
  /** SHA-256 of the head's public key, hexadecimal. */
  readonly pin: string
  /** Names the key without telling its secret: 8 digits of base 32. */
  readonly id: string
  /** 144 random bits, hexadecimal. */
  readonly secret: string
}

export const JOIN_KEY_PREFIX = 'sputnik-join-'
export const KEY_ID = /^[0-9a-hjkmnp-tv-z]{8}$/
export const KEY_ID_BYTES = 5
export const SECRET_BYTES = 18

const VERSION = 1
const PIN_BYTES = 32
const CHECKSUM_BYTES = 4
const ID_AT = 1 + PIN_BYTES
const SECRET_AT = ID_AT + KEY_ID_BYTES
const CHECKSUM_AT = SECRET_AT + SECRET_BYTES
const TEXT_DIGITS = ((CHECKSUM_AT + CHECKSUM_BYTES) * 8) / 5
/** Longer texts are not worth looking at. */
const TEXT_LENGTH_MAX = 1000

export function formatJoinKey({ pin, id, secret }: JoinKey): string {
  const body = Buffer.concat([
    Buffer.of(VERSION),
    Buffer.from(pin, 'hex'),
    decodeBase32(id) ?? Buffer.of(),
    Buffer.from(secret, 'hex'),
  ])
  return JOIN_KEY_PREFIX + encodeBase32(Buffer.concat([body, checksumOf(body)]))
}

/**
 * Reads a join key; spaces around it, upper case and look-alike letters do no harm.
 * @throws SputnikError JOIN_KEY_INVALID saying whether it is something else, cut or mistyped
 */
export function parseJoinKey(text: string): JoinKey {
  const digits = digitsOf(text)
  const bytes = decodeBase32(digits)
  if (bytes === undefined) throw invalid('it has characters that no join key has')
  const body = bytes.subarray(0, CHECKSUM_AT)
  if (!checksumOf(body).equals(bytes.subarray(CHECKSUM_AT))) throw invalid('it is mistyped')
  if (body[0] !== VERSION) throw invalid('it is of another version of sputnik')
  return {
    pin: Buffer.from(body.subarray(1, ID_AT)).toString('hex'),
    id: encodeBase32(body.subarray(ID_AT, SECRET_AT)),
    secret: Buffer.from(body.subarray(SECRET_AT)).toString('hex'),
  }
}

function digitsOf(text: string): string {
  if (text.length > TEXT_LENGTH_MAX) throw invalid('it is far too long')
  const trimmed = text.trim().toLowerCase()
  if (!trimmed.startsWith(JOIN_KEY_PREFIX)) throw invalid(`it does not begin ${JOIN_KEY_PREFIX}`)
  const digits = trimmed.slice(JOIN_KEY_PREFIX.length)
  if (digits.length < TEXT_DIGITS) throw invalid('its end is missing')
  if (digits.length > TEXT_DIGITS) throw invalid('there is too much of it')
  return digits
}

function checksumOf(body: Uint8Array): Buffer {
  return createHash('sha256').update('join key').update(body).digest().subarray(0, CHECKSUM_BYTES)
}

/** The key itself is a secret, so that no error repeats it. */
function invalid(reason: string): SputnikError {
  return new SputnikError('JOIN_KEY_INVALID', `this is no join key: ${reason}`)
}
