/** The key the other end of a TLS socket proved, and whether it is of a kind that nodes have. */

import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { SputnikError } from '../base/errors.js'
import { pinOf } from './identity.js'

/**
 * What the peer has shown, once for each socket: a client of Node 20 gives it away with the first
 * call. TLS has verified that the peer has the key in it.
 * @throws SputnikError PEER_REFUSED
 */
export function takePeerCertificate(socket: TLSSocket): X509Certificate {
  if (socket.getProtocol() !== 'TLSv1.3') throw refused('it does not speak TLS 1.3')
  // What a resumed session says of its peer was proven in another connection.
  if (socket.isSessionReused()) throw refused('it resumed an old session')
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) throw refused('it showed no certificate')
  return certificate
}

/** SHA-256 of the public key, hexadecimal. @throws SputnikError PEER_REFUSED */
export function pinOfCertificate(certificate: X509Certificate): string {
  const { publicKey } = certificate
  const { asymmetricKeyType, asymmetricKeyDetails } = publicKey
  const isP256 = asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1'
  if (asymmetricKeyType !== 'ed25519' && !isP256) throw refused('its key is of another kind')
  if (!certificate.verify(publicKey)) throw refused('its certificate is not signed by its own key')
  return pinOf(publicKey.export({ type: 'spki', format: 'der' }))
}

function refused(reason: string): SputnikError {
  return new SputnikError('PEER_REFUSED', `the other end is no node: ${reason}`)
}
