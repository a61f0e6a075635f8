/**
 * Bytes as text that people copy: Crockford's base 32, in lower case and without padding. Letters
 * that look like digits are read as those digits. Knows nothing of what the bytes mean.
 */

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'
const DIGIT_BITS = 5
const BYTE_BITS = 8
const DIGIT_MASK = 31

const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]))
for (const [letter, value] of [
  ['o', 0],
  ['i', 1],
  ['l', 1],
] as const) {
  VALUES.set(letter, value)
}

export function encodeBase32(bytes: Uint8Array): string {
  let text = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = (held << BYTE_BITS) | byte
    bits += BYTE_BITS
    while (bits >= DIGIT_BITS) {
      bits -= DIGIT_BITS
      text += DIGITS.charAt((held >>> bits) & DIGIT_MASK)
    }
    held &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + DIGITS.charAt((held << (DIGIT_BITS - bits)) & DIGIT_MASK)
}

/** The bytes, or undefined when a character is no digit or the last digit says too much. */
export function decodeBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * DIGIT_BITS) / BYTE_BITS))
  let at = 0
  let held = 0
  let bits = 0
  for (const digit of text.toLowerCase()) {
    const value = VALUES.get(digit)
    if (value === undefined) return undefined
    held = (held << DIGIT_BITS) | value
    bits += DIGIT_BITS
    if (bits < BYTE_BITS) continue
    bits -= BYTE_BITS
    bytes[at++] = held >>> bits
    held &= (1 << bits) - 1
  }
  return bits < DIGIT_BITS && held === 0 ? bytes : undefined
}
