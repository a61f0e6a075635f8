/**
 * Judges the answer to a range request: what it carries, whether to ask again, whether the file is
 * still the same. Knows nothing of connections.
 */
import type { IncomingMessage } from 'node:http'

/** What a file was when it was first asked for. */
export type RemoteState = {
  readonly sizeBytes: number
  /** `ETag`, or else `Last-Modified`; empty when the server gives neither. */
  readonly validator: string
}

type Answer =
  | { readonly problem: string }
  | { readonly problem?: never; readonly state: RemoteState; readonly bytes: number }

type Asked = {
  readonly start: number
  readonly end: number
  readonly known: RemoteState | undefined
}

type Head = Pick<IncomingMessage, 'statusCode' | 'headers'>

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]
/** The server or what is before it may do better in a moment. */
const PASSING: readonly number[] = [408, 425, 429, 500, 502, 503, 504]

/**
 * A `problem` is for good.
 * @throws Error for what may pass
 */
export function checkAnswer({ statusCode = 0, headers }: Head, asked: Asked): Answer {
  if (PASSING.includes(statusCode)) throw new Error(`it answers with status ${statusCode}`)
  if (statusCode === 200) return { problem: 'it ignores range requests (status 200 for a range)' }
  if (statusCode === 416 && asked.known !== undefined) {
    return { problem: `the file changed: it now ends before ${asked.end} bytes` }
  }
  if (statusCode !== 206) return { problem: `it answers with status ${statusCode}` }
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') return { problem: `it encodes ranges with ${encoding}` }
  return checkRange(headers, asked)
}

function checkRange(headers: IncomingMessage['headers'], { start, end, known }: Asked): Answer {
  const stated = headers['content-range'] ?? ''
  const [, first, last, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(stated) ?? []
  const stop = Number(last) + 1
  const sizeBytes = Number(total)
  const isRight = Number(first) === start && stop > start && stop <= end && stop <= sizeBytes
  if (!isRight) return { problem: `it sends "${stated}" for bytes ${start} to ${end - 1}` }
  const validator = headers.etag ?? headers['last-modified'] ?? ''
  if (known !== undefined && (known.sizeBytes !== sizeBytes || known.validator !== validator)) {
    const now = `${sizeBytes} bytes ${validator}`
    return {
      problem: `the file changed: ${now}, before ${known.sizeBytes} bytes ${known.validator}`,
    }
  }
  return { state: { sizeBytes, validator }, bytes: stop - start }
}

/** Where an answer sends us, why not to go there, or undefined when it is no redirect. */
export function redirectOf({ statusCode = 0, headers }: Head, from: URL): URL | string | undefined {
  if (!REDIRECTS.includes(statusCode)) return undefined
  const { location } = headers
  if (location === undefined || !URL.canParse(location, from.href)) return 'it redirects to nowhere'
  const to = new URL(location, from)
  if (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:')) return to
  return `it redirects to ${to.protocol}//, which is less safe or unknown`
}
