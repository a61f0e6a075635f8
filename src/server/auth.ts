/**
 * API keys: held as SHA-256, compared in constant time. Knows nothing of routes.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { SputnikError } from '../base/errors.js'

export class ApiKeys {
  readonly #digests: readonly Buffer[]

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest)
  }

  /** Without keys everyone is let in. */
  get isRequired(): boolean {
    return this.#digests.length > 0
  }

  /** Throws UNAUTHORIZED unless the headers carry one of the keys. */
  check(headers: IncomingHttpHeaders): void {
    if (!this.isRequired) return
    const key = keyOf(headers)
    if (key === undefined) throw new SputnikError('UNAUTHORIZED', 'an API key is needed')
    if (!this.#has(key)) throw new SputnikError('UNAUTHORIZED', 'the API key is not known')
  }

  #has(key: string): boolean {
    const wanted = digest(key)
    let isFound = false
    // No early exit: the time must not tell which key came near.
    for (const held of this.#digests) isFound = timingSafeEqual(held, wanted) || isFound
    return isFound
  }
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest()
}

function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^Bearer[ ]+(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  const key = headers['x-api-key']
  return typeof key === 'string' ? key : undefined
}
