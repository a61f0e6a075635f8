/**
 * Tells the two kinds of connections apart that come to one port. A data connection begins with
 * fixed bytes and a ticket, which says to which node it belongs and is good once; it proves
 * nothing, that is for TLS to do afterwards. Everything else is a control connection.
 */
import type { Socket } from 'node:net'
import { SputnikError } from '../base/errors.js'

export const TICKET_BYTES = 16

/** No TLS record and no frame begins with these. */
const MAGIC = Buffer.from('sputnik data 1\r\n', 'latin1')
const PREAMBLE_BYTES = MAGIC.length + TICKET_BYTES

export type Opening =
  /** Nothing of it is taken. */
  | { readonly kind: 'control' }
  /** Its first bytes are taken; no more have come. */
  | { readonly kind: 'data'; readonly ticket: string }

export function preambleOf(ticket: string): Uint8Array {
  return Buffer.concat([MAGIC, Buffer.from(ticket, 'hex')])
}

/**
 * Looks at what a new connection begins with.
 * @throws SputnikError LINK_TIMEOUT, PEER_UNREACHABLE, PEER_REFUSED
 */
export function readOpening(socket: Socket, timeoutMs: number): Promise<Opening> {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0)
    const settle = (act: () => void): void => {
      clearTimeout(timer)
      socket.off('readable', look).off('close', end).off('end', end)
      act()
    }
    const fail = (error: SputnikError): void => settle(() => reject(error))
    const end = (): void => fail(closed())
    const timer = setTimeout(() => fail(late()), timeoutMs)
    const look = (): void => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      got = Buffer.concat([got, chunk])
      if (!MAGIC.subarray(0, got.length).equals(got.subarray(0, MAGIC.length))) {
        socket.unshift(got)
        settle(() => resolve({ kind: 'control' }))
      } else if (got.length === PREAMBLE_BYTES) {
        const ticket = got.subarray(MAGIC.length).toString('hex')
        settle(() => resolve({ kind: 'data', ticket }))
      } else if (got.length > PREAMBLE_BYTES) fail(tooMuch())
    }
    socket.on('readable', look).on('close', end).on('end', end)
  })
}

function late(): SputnikError {
  return new SputnikError('LINK_TIMEOUT', 'the other end did not say in time what it wants')
}

function closed(): SputnikError {
  return new SputnikError('PEER_UNREACHABLE', 'the other end closed the connection')
}

function tooMuch(): SputnikError {
  return new SputnikError('PEER_REFUSED', 'a data connection did not wait for its turn')
}
