/** Addresses as flags name them, taken apart. Knows nothing of what is reached there. */
import { parseAddress } from './token.js'

export type Address = {
  /** An IPv6 address is without brackets. */
  readonly host: string
  readonly port: number
}

const ANY_PORT = ':0'

/** Commander's parser of `host:port` or a host alone. */
export function readAddress(text: string): Address {
  const whole = parseAddress(text)
  const at = whole.lastIndexOf(':')
  const host = whole.slice(0, at).replace(/^\[|\]$/g, '')
  return { host, port: Number(whole.slice(at + 1)) }
}

export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** As `parseAddress`, and port 0 lets the system choose. */
export function parseListenAddress(text: string): string {
  if (!text.endsWith(ANY_PORT)) return parseAddress(text)
  const { host } = readAddress(text.slice(0, -ANY_PORT.length))
  return formatAddress({ host, port: 0 })
}
