/** Identities, stores and messages for tests of joining. */

import { randomBytes, webcrypto } from 'node:crypto'
import type { Socket } from 'node:net'
import { Integer, Utf8String } from 'asn1js'
import { AttributeTypeAndValue, Certificate, Time } from 'pkijs'
import { createAdmission } from '../../src/fabric/admission.js'
import type { Admission } from '../../src/fabric/handshake.js'
import type { Join, Welcome } from '../../src/fabric/handshake-messages.js'
import { type Identity, loadIdentity } from '../../src/fabric/identity.js'
import type { JoinKey } from '../../src/fabric/join-key.js'
import { JoinKeys } from '../../src/fabric/join-keys.js'
import { NodeRegistry } from '../../src/fabric/node-registry.js'
import { scratchDirectory } from '../support/scratch.js'

export const MODEL_HASH = 'ab'.repeat(32)
export const OTHER_HASH = 'cd'.repeat(32)
export const TICKET = 'ef'.repeat(16)
export const HOUR_MS = 3_600_000

export function newIdentity(): Identity {
  return loadIdentity(scratchDirectory())
}

export type TestHead = {
  readonly identity: Identity
  readonly keys: JoinKeys
  readonly registry: NodeRegistry
  readonly admission: Admission
  readonly welcome: Omit<Welcome, 'type' | 'protocol'>
  /** Milliseconds since 1970 for its stores; tests move it. */
  readonly clock: { ms: number }
  readonly createKey: (uses?: number) => JoinKey
}

export function newHead(): TestHead {
  const folder = scratchDirectory()
  const clock = { ms: 1_000_000 }
  const now = () => clock.ms
  const identity = loadIdentity(folder)
  const keys = new JoinKeys(folder, { now })
  const registry = new NodeRegistry(folder, { now })
  return {
    identity,
    keys,
    registry,
    clock,
    admission: createAdmission({ keys, registry }),
    welcome: {
      headId: identity.nodeId,
      epoch: 7,
      modelHash: MODEL_HASH,
      leaseMs: 3000,
      ticket: TICKET,
    },
    createKey: (uses = 1) =>
      keys.create({ pin: identity.pin, ttlMs: HOUR_MS, uses, random: randomBytes }),
  }
}

export type JoinFields = Omit<Join, 'type' | 'protocol'>

export function joinOf(identity: Identity, key: JoinKey | null): JoinFields {
  return {
    nodeId: identity.nodeId,
    name: 'laptop',
    key: key === null ? null : { id: key.id, secret: key.secret },
    modelHash: MODEL_HASH,
    cards: [{ device: 'cpu', memoryBytes: 8e9 }],
  }
}

/** A key and a certificate in PEM of a kind that nodes do not have. */
export async function foreignKeys(): Promise<{ key: string; cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-384' }
  const { subtle } = webcrypto
  const pair = await subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = new Certificate()
  const name = new AttributeTypeAndValue({ type: '2.5.4.3', value: new Utf8String({ value: 'x' }) })
  certificate.version = 2
  certificate.serialNumber = new Integer({ value: 1 })
  certificate.issuer.typesAndValues.push(name)
  certificate.subject.typesAndValues.push(name)
  certificate.notBefore = new Time({ type: 0, value: new Date('2020-01-01') })
  certificate.notAfter = new Time({ type: 0, value: new Date('2049-01-01') })
  await certificate.subjectPublicKeyInfo.importKey(pair.publicKey)
  await certificate.sign(pair.privateKey, 'SHA-384')
  const key = new Uint8Array(await subtle.exportKey('pkcs8', pair.privateKey))
  const cert = new Uint8Array(certificate.toSchema(true).toBER())
  return { key: pem('PRIVATE KEY', key), cert: pem('CERTIFICATE', cert) }
}

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

/** Resolves when the connection has ended, in whatever way. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    socket.on('error', () => {}).once('close', () => resolve())
    socket.resume()
  })
}
