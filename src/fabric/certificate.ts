/**
 * The certificate a node shows: its own key signed by itself (RFC 5280, Ed25519 by RFC 8410). It
 * only carries the key; who may join is decided elsewhere, so names and dates in it mean nothing.
 */
import { createHash, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { BitString, Integer, Utf8String } from 'asn1js'
import { AlgorithmIdentifier, AttributeTypeAndValue, Certificate, PublicKeyInfo, Time } from 'pkijs'

const COMMON_NAME = '2.5.4.3'
const ED25519 = '1.3.101.112'
const VERSION_3 = 2
const SERIAL_BYTES = 16
/** RFC 5280 4.1.2.5: the date of certificates that never end. */
const NEVER = new Date('9999-12-31T23:59:59Z')
/** Clocks of laptops are wrong at times, and nobody looks at this. */
const ALWAYS = new Date('2000-01-01T00:00:00Z')
const UTC_TIME = 0
const GENERALIZED_TIME = 1

/** PEM of a certificate for an Ed25519 key. */
export function selfSign(privateKey: KeyObject, spki: Buffer): string {
  const certificate = unsigned(spki)
  const toBeSigned = certificate.encodeTBS().toBER()
  certificate.tbsView = new Uint8Array(toBeSigned)
  const signature = sign(null, Buffer.from(toBeSigned), privateKey)
  certificate.signatureValue = new BitString({ valueHex: copyOf(signature) })
  return new X509Certificate(Buffer.from(certificate.toSchema(true).toBER())).toString()
}

function unsigned(spki: Buffer): Certificate {
  const certificate = new Certificate()
  const name = new AttributeTypeAndValue({
    type: COMMON_NAME,
    value: new Utf8String({ value: 'sputnik' }),
  })
  const algorithm = new AlgorithmIdentifier({ algorithmId: ED25519 })
  certificate.version = VERSION_3
  certificate.serialNumber = new Integer({ valueHex: copyOf(serialOf(spki)) })
  certificate.issuer.typesAndValues.push(name)
  certificate.subject.typesAndValues.push(name)
  certificate.notBefore = new Time({ type: UTC_TIME, value: ALWAYS })
  certificate.notAfter = new Time({ type: GENERALIZED_TIME, value: NEVER })
  certificate.subjectPublicKeyInfo = PublicKeyInfo.fromBER(copyOf(spki))
  certificate.signature = algorithm
  certificate.signatureAlgorithm = algorithm
  return certificate
}

/** A positive number without leading zeros, as DER wants it; the same for the same key. */
function serialOf(spki: Buffer): Buffer {
  const serial = createHash('sha256').update(spki).digest().subarray(0, SERIAL_BYTES)
  serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f)
  return serial
}

function copyOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
