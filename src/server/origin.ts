/**
 * Keeps web pages of other hosts away from a server on this machine: Host header against DNS
 * rebinding, Origin header for CORS. Knows nothing of keys and routes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { SputnikError } from '../base/errors.js'

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]', '::1'])

/** Is `host` (an address to bind, or a name in a URL) this machine only? */
export function isLoopback(host: string): boolean {
  return LOOPBACK_NAMES.has(host.toLowerCase()) || /^127(\.\d{1,3}){3}$/.test(host)
}

export type OriginPolicy = {
  /** True: only local names in Host, and no foreign web page may even post. */
  readonly isLocalOnly: boolean
}

/** Throws FORBIDDEN, or sets the CORS headers. */
export function checkOrigin(req: IncomingMessage, res: ServerResponse, policy: OriginPolicy): void {
  if (policy.isLocalOnly) checkHost(req.headers.host)
  const { origin } = req.headers
  if (origin === undefined) return
  if (isLocalOrigin(origin)) allowOrigin(req, res, origin)
  else if (policy.isLocalOnly) {
    throw new SputnikError('FORBIDDEN', 'web pages of other hosts may not call this server')
  }
}

function checkHost(host: string | undefined): void {
  if (host !== undefined && isLoopback(hostName(host))) return
  throw new SputnikError('FORBIDDEN', 'the Host header does not name this machine')
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '')
}

function isLocalOrigin(origin: string): boolean {
  if (!URL.canParse(origin)) return false
  const { protocol, hostname } = new URL(origin)
  return (protocol === 'http:' || protocol === 'https:') && isLoopback(hostname)
}

function allowOrigin(req: IncomingMessage, res: ServerResponse, origin: string): void {
  res.setHeader('Access-Control-Allow-Origin', origin)
  res.setHeader('Vary', 'Origin')
  res.setHeader('Access-Control-Expose-Headers', 'x-request-id, retry-after')
  if (req.method !== 'OPTIONS') return
  res.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, POST, DELETE, OPTIONS')
  const asked = req.headers['access-control-request-headers']
  if (asked !== undefined) res.setHeader('Access-Control-Allow-Headers', asked)
  res.setHeader('Access-Control-Max-Age', '600')
}
