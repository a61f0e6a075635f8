/**
 * The join keys a head gave out. Each is a folder that no process ever rewrites: `key.json` (with a
 * hash of the secret), and one file for each use, made exclusively. So the command line and several
 * heads may change the store at once without a lock, and no use is counted twice.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { encodeBase32 } from '../base/base32.js'
import { codeOf, SputnikError } from '../base/errors.js'
import { createStateFile, makeStateFolder, readStateFile, readStateJson } from '../base/state.js'
import { type JoinKey, KEY_ID, KEY_ID_BYTES, SECRET_BYTES } from './join-key.js'

export type JoinKeyEntry = {
  readonly id: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly expiresAt: number
  readonly uses: number
  readonly usesLeft: number
  readonly state: 'live' | 'expired' | 'used'
}

export type JoinKeysOptions = {
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export type NewJoinKey = {
  readonly pin: string
  readonly ttlMs: number
  readonly uses: number
  readonly random: (bytes: number) => Uint8Array
}

/** What a node shows of its key. */
export type ShownKey = { readonly id: string; readonly secret: string }

export const USES_MAX = 1000
const KEYS_MAX = 1000
/** So long a dead key is remembered, to say of it that it is old rather than unknown. */
const DEAD_KEPT_MS = 30 * 24 * 3600 * 1000
const KEY_FILE = 'key.json'
const USE_FILE = /^use-\d{1,4}$/

const time = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const keySchema = z.object({
  secretSha256: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: time,
  expiresAt: time,
  uses: z.int().min(1).max(USES_MAX),
})
type StoredKey = z.infer<typeof keySchema>

export class JoinKeys {
  readonly #folder: string
  readonly #now: () => number

  /** `folder` is the head's state folder. */
  constructor(folder: string, { now }: JoinKeysOptions) {
    this.#folder = join(folder, 'join-keys')
    this.#now = now
  }

  /** @throws SputnikError JOIN_KEYS_FULL, STATE_UNWRITABLE */
  create({ pin, ttlMs, uses, random }: NewJoinKey): JoinKey {
    this.#forgetDead()
    const id = encodeBase32(random(KEY_ID_BYTES))
    const secret = Buffer.from(random(SECRET_BYTES)).toString('hex')
    const createdAt = this.#now()
    const stored: StoredKey = {
      secretSha256: hashOf(secret).toString('hex'),
      createdAt,
      expiresAt: createdAt + ttlMs,
      uses,
    }
    makeStateFolder(join(this.#folder, id))
    createStateFile(this.#path(id, KEY_FILE), `${JSON.stringify(stored)}\n`)
    return { pin, id, secret }
  }

  /** Oldest first; keys that are being made or removed are left out. */
  list(): JoinKeyEntry[] {
    const entries = this.#ids().flatMap((id) => this.#entry(id) ?? [])
    return entries.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  }

  /** False when there is no such key. */
  revoke(id: string): boolean {
    if (!KEY_ID.test(id)) return false
    const removed = join(this.#folder, `.removed-${id}-${process.pid}`)
    try {
      // In one step, so that nobody finds a key with some of its uses gone.
      renameSync(join(this.#folder, id), removed)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false
      throw error
    }
    rmSync(removed, { recursive: true, force: true })
    return true
  }

  /**
   * The key `shown`, if `nodeId` may join with it. Who lacks the secret learns nothing of the key.
   * @throws SputnikError JOIN_KEY_UNKNOWN, JOIN_KEY_EXPIRED, JOIN_KEY_USED
   */
  check(shown: ShownKey, nodeId: string): JoinKeyEntry {
    const stored = this.#stored(shown.id)
    // The hash of nothing, so that an unknown id takes as long as a wrong secret.
    const expected = Buffer.from(stored?.secretSha256 ?? hashOf('').toString('hex'), 'hex')
    const isKnown = timingSafeEqual(hashOf(shown.secret), expected) && stored !== undefined
    const entry = isKnown ? this.#entry(shown.id) : undefined
    if (entry === undefined) throw unknown()
    if (entry.state === 'expired') throw refused('JOIN_KEY_EXPIRED', 'the join key is too old')
    if (entry.state === 'used' && !this.#isUser(shown.id, nodeId)) throw usedUp()
    return entry
  }

  /**
   * Counts one use for `nodeId`; a node that asks again, because it lost the answer, uses it once.
   * @throws SputnikError as `check` does
   */
  redeem(shown: ShownKey, nodeId: string): JoinKeyEntry {
    const entry = this.check(shown, nodeId)
    if (this.#isUser(shown.id, nodeId)) return entry
    for (let use = 1; use <= entry.uses; use++) {
      if (this.#take(shown.id, { use, nodeId })) return { ...entry, usesLeft: entry.usesLeft - 1 }
    }
    throw usedUp()
  }

  #take(id: string, { use, nodeId }: { use: number; nodeId: string }): boolean {
    // A revoked key has no folder any more, and must not get one back.
    if (this.#stored(id) === undefined) throw unknown()
    return createStateFile(this.#path(id, `use-${use}`), nodeId)
  }

  #isUser(id: string, nodeId: string): boolean {
    return this.#useFiles(id).some((name) => readStateFile(this.#path(id, name)) === nodeId)
  }

  #useFiles(id: string): string[] {
    return namesIn(join(this.#folder, id)).filter((name) => USE_FILE.test(name))
  }

  #stored(id: string): StoredKey | undefined {
    return KEY_ID.test(id) ? readStateJson(this.#path(id, KEY_FILE), keySchema) : undefined
  }

  #entry(id: string): JoinKeyEntry | undefined {
    const stored = this.#stored(id)
    if (stored === undefined) return undefined
    const { createdAt, expiresAt, uses } = stored
    const usesLeft = Math.max(0, uses - this.#useFiles(id).length)
    const isExpired = this.#now() >= expiresAt
    const state = isExpired ? 'expired' : usesLeft === 0 ? 'used' : 'live'
    return { id, createdAt, expiresAt, uses, usesLeft, state }
  }

  #forgetDead(): void {
    const now = this.#now()
    const entries = this.list()
    const old = entries.filter((entry) => now >= entry.expiresAt + DEAD_KEPT_MS)
    for (const { id } of old) this.revoke(id)
    if (entries.length - old.length < KEYS_MAX) return
    throw new SputnikError('JOIN_KEYS_FULL', `there are ${KEYS_MAX} join keys already`)
  }

  #ids(): string[] {
    return namesIn(this.#folder).filter((name) => KEY_ID.test(name))
  }

  #path(id: string, file: string): string {
    return join(this.#folder, id, file)
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Secrets are random and long, so one round of a plain hash hides them. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function unknown(): SputnikError {
  return refused('JOIN_KEY_UNKNOWN', 'the head does not know this join key')
}

function usedUp(): SputnikError {
  return refused('JOIN_KEY_USED', 'the join key was used already')
}

function refused(
  code: 'JOIN_KEY_UNKNOWN' | 'JOIN_KEY_EXPIRED' | 'JOIN_KEY_USED',
  text: string,
): SputnikError {
  return new SputnikError(code, text)
}
