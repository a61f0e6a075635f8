/**
 * What a server's refusal means for whoever ran the command, and what it means when there is no
 * server at all. Knows nothing of requests.
 */
import { ERRORS, type ErrorCode, type ErrorDetails, SputnikError } from '../base/errors.js'
import { errorSchema } from './fleet-schema.js'
import { printable } from './printable.js'

export type FleetServer = {
  /** Of the server, without a path. */
  readonly url: string
  readonly apiKey?: string
}

const BODY_TEXT_MAX = 200

/** Errors that mean here what they mean there. */
const PASSED_ON: readonly ErrorCode[] = [
  'FLEET_WATCHERS_FULL',
  'FLEET_BUSY',
  'NODE_UNKNOWN',
  'NODE_AMBIGUOUS',
  'NODE_OWN',
  'NODE_AWAY',
  'NODE_NOT_OUT',
  'BAD_PARAM',
]

export function refusal(server: FleetServer, status: number, text: string): SputnikError {
  const error = readError(text)
  const code = error?.code.toUpperCase()
  if (code === 'FLEET_OFF') {
    return new SputnikError('FLEET_OFF', `the head at ${server.url} listens for no domains`)
  }
  const passed = PASSED_ON.find((one) => one === code)
  if (passed !== undefined) return passOn(passed, error)
  if (status === 401 || status === 403) {
    const what = server.apiKey === undefined ? 'asks for a key' : 'does not know this key'
    return new SputnikError('SERVER_KEY_REFUSED', `the server at ${server.url} ${what}`)
  }
  if (status === 503) {
    return new SputnikError('NOT_READY', `the server at ${server.url} is not ready`)
  }
  const said = error?.message ?? text.trim().slice(0, BODY_TEXT_MAX)
  return strange(server, `status ${status}: ${said}`)
}

export function strange(server: FleetServer, what: string): SputnikError {
  return new SputnikError('SERVER_STRANGE', `${server.url} answers ${printable(what)}`)
}

export function unreachable(server: FleetServer, cause: unknown): SputnikError {
  const text = `no server answers at ${server.url}: ${reasonOf(cause)}`
  return new SputnikError('SERVER_UNREACHABLE', text, {}, cause)
}

type Said = { readonly code: string; readonly message: string; readonly param?: string | null }

/** The message of a server ends with the remedy, which is said here anyway. */
function passOn(code: ErrorCode, said: Said | undefined): SputnikError {
  const { message = '', param } = said ?? {}
  const details: ErrorDetails = typeof param === 'string' ? { param: printable(param) } : {}
  const { fix } = new SputnikError(code, '', details)
  const isWhole = message.endsWith(`. ${fix}`)
  const text = isWhole ? message.slice(0, -`. ${fix}`.length) : message
  return new SputnikError(code, printable(text) || ERRORS[code].fix, details)
}

function readError(text: string): Said | undefined {
  try {
    return errorSchema.parse(JSON.parse(text)).error as Said
  } catch {
    return undefined
  }
}

/** What fetch says hides the reason one or two causes down. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'it takes too long'
  if (error.cause instanceof Error) return reasonOf(error.cause)
  const code = 'code' in error ? String(error.code) : ''
  return error.message === '' ? code : error.message
}
