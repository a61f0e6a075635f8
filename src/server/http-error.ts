/**
 * Errors as clients see them: the OpenAI shape, the status, the headers. Knows nothing of routes.
 */
import type { ServerResponse } from 'node:http'
import { ERRORS, SputnikError } from '../base/errors.js'

export type ErrorBody = {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string
  }
}

/** Everything that is not a SputnikError is a defect; clients learn no more than that. */
export function toSputnikError(error: unknown): SputnikError {
  if (error instanceof SputnikError && error.code !== 'INTERNAL') return error
  return new SputnikError('INTERNAL', 'an internal error', {}, error)
}

export function errorBody(error: SputnikError): ErrorBody {
  const { param } = error.details
  return {
    error: {
      message: `${error.message.replace(/\.$/, '')}. ${error.fix}`,
      type: ERRORS[error.code].type,
      param: param === undefined ? null : String(param),
      code: error.code.toLowerCase(),
    },
  }
}

/** Sends `error` as the whole answer; the response must not have begun. */
export function sendError(res: ServerResponse, error: SputnikError): void {
  const { status } = ERRORS[error.code]
  const retryAfter = retryAfterSeconds(error)
  if (retryAfter !== undefined) res.setHeader('Retry-After', retryAfter)
  if (status === 401) res.setHeader('WWW-Authenticate', 'Bearer')
  if (error.code === 'METHOD_NOT_ALLOWED') res.setHeader('Allow', String(error.details.allowed))
  sendJson(res, status, errorBody(error))
}

export function sendJson(res: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  res.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  })
  res.end(text)
}

function retryAfterSeconds(error: SputnikError): number | undefined {
  const { status } = ERRORS[error.code]
  if (status === 429) return 1
  if (status === 503) return error.code === 'NOT_READY' ? 5 : 2
  return undefined
}
