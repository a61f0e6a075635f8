/**
 * Who a node is: a key pair of its own in the state folder, made once, and a short name derived
 * from the public key. Knows nothing of who may join.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { encodeBase32 } from '../base/base32.js'
import { SputnikError } from '../base/errors.js'
import { createStateFile, readStateJson, stateDirectory } from '../base/state.js'
import { selfSign } from './certificate.js'

export type Identity = {
  /** Short readable form of `pin`: 20 digits of base 32 in groups of five. */
  readonly nodeId: string
  /** SHA-256 of the public key (its SubjectPublicKeyInfo) in hexadecimal. */
  readonly pin: string
  readonly keyPem: string
  readonly certificatePem: string
}

export const NODE_ID = /^[0-9a-z]{5}(?:-[0-9a-z]{5}){3}$/
export const PIN = /^[0-9a-f]{64}$/

const FILE = 'identity.json'
/** 100 bits: too many to look for another key with the same name. */
const NODE_ID_DIGITS = 20
const GROUP = /.{5}(?=.)/g

/** One file, so that key and certificate always belong together. */
const fileSchema = z.object({
  keyPem: z.string().max(4096),
  certificatePem: z.string().max(4096),
})

/**
 * The identity kept in `folder`; made when there is none, by one of the processes that try at once.
 * @throws SputnikError STATE_UNWRITABLE, STATE_INVALID, FILE_UNREADABLE
 */
export function loadIdentity(folder: string = stateDirectory()): Identity {
  const path = join(folder, FILE)
  const kept = readStateJson(path, fileSchema)
  if (kept !== undefined) return toIdentity(kept, path)
  createStateFile(path, `${JSON.stringify(makeKeys())}\n`)
  const made = readStateJson(path, fileSchema)
  if (made === undefined) {
    throw new SputnikError('STATE_UNWRITABLE', `${path} went away as it was made`, { path })
  }
  return toIdentity(made, path)
}

/** SHA-256 of a public key in DER (SubjectPublicKeyInfo), hexadecimal. */
export function pinOf(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex')
}

export function nodeIdOf(pin: string): string {
  return encodeBase32(Buffer.from(pin, 'hex')).slice(0, NODE_ID_DIGITS).replace(GROUP, '$&-')
}

function makeKeys(): z.infer<typeof fileSchema> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: selfSign(privateKey, spki),
  }
}

function toIdentity(keys: z.infer<typeof fileSchema>, path: string): Identity {
  const pin = pinOf(publicKeyOf(keys.keyPem, path))
  if (pin !== pinOf(publicKeyOf(keys.certificatePem, path))) {
    throw new SputnikError('STATE_INVALID', `${path}: key and certificate differ`, { path })
  }
  return { ...keys, pin, nodeId: nodeIdOf(pin) }
}

function publicKeyOf(pem: string, path: string): Buffer {
  try {
    const source = pem.includes('PRIVATE KEY') ? createPrivateKey(pem) : pem
    return createPublicKey(source).export({ type: 'spki', format: 'der' })
  } catch (cause) {
    throw new SputnikError('STATE_INVALID', `${path} holds no key`, { path }, cause)
  }
}
