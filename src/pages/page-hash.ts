/** The hash of a page in memory, made by a thread of its own. Knows nothing else. */
import { webcrypto } from 'node:crypto'

/** SHA-256 in hexadecimal; the event loop keeps turning. */
export async function hashPage(bytes: Uint8Array): Promise<string> {
  const digest = await webcrypto.subtle.digest('SHA-256', bytes)
  return Buffer.from(digest).toString('hex')
}
