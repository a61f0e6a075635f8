/** What a node and a head say to each other before anything else, with the bounds of each field. */

import { z } from 'zod'
import { SputnikError } from '../base/errors.js'
import { PROTOCOL_VERSION } from './frame.js'
import { NODE_ID } from './identity.js'
import { KEY_ID } from './join-key.js'

/** Most payload bytes of a frame until the handshake is done. */
export const HANDSHAKE_BYTES_MAX = 16_384

/** Of a model at all limits; what comes is checked against the hash of the model. */
const MANIFEST_BYTES_MAX = 64 << 20
const CARDS_MAX = 64
const LEASE_MS_MAX = 3_600_000
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/

const whole = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const nodeId = z.string().regex(NODE_ID)

const cardSchema = z.object({
  device: z.string().min(1).max(128),
  /** Of pages it can hold. How fast it is shows when it has some, see `FRAME.status`. */
  memoryBytes: whole,
})

export const joinSchema = z.object({
  type: z.literal('join'),
  protocol: whole,
  /** Believed only where the link does not prove it. */
  nodeId,
  name: z.string().regex(NAME),
  /** None when the head admitted this node before. */
  key: z
    .object({ id: z.string().regex(KEY_ID), secret: z.string().regex(/^[0-9a-f]{36}$/) })
    .nullable(),
  /** SHA-256 of the manifest of the model the node has, hexadecimal. */
  modelHash: hash.nullable(),
  cards: z.array(cardSchema).min(1).max(CARDS_MAX),
})

export const welcomeSchema = z.object({
  type: z.literal('welcome'),
  protocol: whole,
  headId: nodeId,
  epoch: whole,
  modelHash: hash,
  leaseMs: z.int().min(1).max(LEASE_MS_MAX),
  /** To be shown by the data connection. */
  ticket: z.string().regex(/^[0-9a-f]{32}$/),
})

export const refusedSchema = z.object({
  type: z.literal('refused'),
  code: z.string().max(64),
  message: z.string().max(1024),
  /** When it makes sense to ask again, if that is known. */
  seconds: whole.optional(),
})

/** Opens a connection over which pages are fetched, of a node that was let in before. */
export const pagesSchema = z.object({
  type: z.literal('pages'),
  protocol: whole,
  nodeId,
  modelHash: hash,
})

/** Both numbers are 0 where pages are served but no manifest: at nodes other than the head. */
export const pagesWelcomeSchema = z.object({
  type: z.literal('pages'),
  protocol: whole,
  manifestBytes: z.int().min(0).max(MANIFEST_BYTES_MAX),
  /** Regions of the manifest that steps use; they come first. */
  regionsInUse: whole,
})

export type Join = z.infer<typeof joinSchema>
export type JoinCard = Join['cards'][number]
export type Welcome = z.infer<typeof welcomeSchema>
export type Refused = z.infer<typeof refusedSchema>
export type Pages = z.infer<typeof pagesSchema>
export type PagesWelcome = z.infer<typeof pagesWelcomeSchema>
export type HandshakeMessage = Join | Welcome | Refused | Pages | PagesWelcome

/** The one part that every version of the protocol has. */
const versionSchema = z.object({ type: z.string().max(64), protocol: whole })

/**
 * @throws SputnikError PROTOCOL_MISMATCH when the message says that it is of another version
 */
export function checkProtocol(message: unknown): void {
  const result = versionSchema.safeParse(message)
  if (!result.success || result.data.protocol === PROTOCOL_VERSION) return
  const theirs = result.data.protocol
  throw new SputnikError(
    'PROTOCOL_MISMATCH',
    `the other end speaks version ${theirs} of the protocol, this one version ${PROTOCOL_VERSION}`,
  )
}

/** @throws SputnikError FRAME_INVALID */
export function checkMessage<T>(message: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(message)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const place = issue?.path.join('.') || 'the whole'
  throw new SputnikError('FRAME_INVALID', `a handshake message is wrong: ${place}`)
}

/** A host name as the name of a node: characters that no terminal or URL minds. */
export function nodeNameOf(hostName: string): string {
  const cleaned = hostName.replace(/[^A-Za-z0-9_.-]/g, '-').replace(/^[.-]+/, '')
  return cleaned.slice(0, 64) || 'node'
}
