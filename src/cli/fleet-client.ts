/**
 * Asks a running server about its fleet, and turns what goes wrong into errors that say what to do.
 * Knows nothing of how the answers are shown.
 */
import { z } from 'zod'
import { SputnikError } from '../base/errors.js'
import { readEvents } from './sse-client.js'

export type FleetServer = {
  /** Of the server, without a path. */
  readonly url: string
  readonly apiKey?: string
}

const ANSWER_MS = 10_000
const BODY_TEXT_MAX = 200
const DOMAINS_MAX = 65_536

const count = z.number().min(0)

const domainSchema = z.object({
  id: count,
  nodeId: z.string().nullable(),
  name: z.string(),
  state: z.string(),
  devices: z.array(z.string()),
  pages: count,
  pageBytes: count,
  expertCalls: count,
  bytesSent: count,
  bytesReceived: count,
  roundTripMs: count.nullable(),
})

/** A newer server may say more; `--json` passes that on. */
const fleetSchema = z.looseObject({
  headId: z.string(),
  address: z.string().nullable(),
  modelHash: z.string(),
  epoch: count,
  domains: z.array(domainSchema).max(DOMAINS_MAX),
  moving: count,
  orphans: count,
  totals: z.looseObject({ domains: count, ready: count, pages: count, pageBytes: count }),
})

const eventSchema = fleetSchema.extend({ intervalMs: count })

export type FleetAnswer = z.infer<typeof fleetSchema>
export type FleetEvent = z.infer<typeof eventSchema>
export type Domain = z.infer<typeof domainSchema>

/** @throws SputnikError FLEET_OFF and the SERVER_ ones */
export async function fetchFleet(server: FleetServer): Promise<FleetAnswer> {
  const response = await request(server, '/v1/fleet', AbortSignal.timeout(ANSWER_MS))
  const text = await reading(server, () => response.text())
  return check(server, fleetSchema, text)
}

/** Every change of the fleet, until `signal`; it does not throw for being aborted. */
export async function* watchFleet(
  server: FleetServer,
  signal: AbortSignal,
): AsyncGenerator<FleetEvent> {
  try {
    const response = await requestStream(server, signal)
    for await (const data of readEvents(response)) yield check(server, eventSchema, data)
  } catch (error) {
    if (signal.aborted) return
    throw error instanceof SputnikError ? error : unreachable(server, error)
  }
  if (!signal.aborted) throw unreachable(server, new Error('it ended the stream'))
}

async function requestStream(
  server: FleetServer,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new Error('it does not answer')), ANSWER_MS)
  try {
    const both = AbortSignal.any([signal, late.signal])
    const { body } = await request(server, '/v1/fleet/events', both)
    if (body === null) throw strange(server, 'an empty answer')
    return body
  } finally {
    clearTimeout(timer)
  }
}

async function request(server: FleetServer, path: string, signal: AbortSignal): Promise<Response> {
  const { apiKey } = server
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  const response = await reading(server, () => fetch(`${server.url}${path}`, { headers, signal }))
  if (response.ok) return response
  const text = await reading(server, () => response.text())
  throw refusal(server, response.status, text)
}

async function reading<T>(server: FleetServer, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw unreachable(server, error)
  }
}

const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) })

function refusal(server: FleetServer, status: number, text: string): SputnikError {
  const { error } = parsed(errorSchema, text) ?? {}
  if (error?.code === 'fleet_off') {
    return new SputnikError('FLEET_OFF', `the head at ${server.url} listens for no domains`)
  }
  if (error?.code === 'fleet_watchers_full') {
    return new SputnikError('FLEET_WATCHERS_FULL', 'too many clients watch the fleet already')
  }
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

function check<T>(server: FleetServer, schema: z.ZodType<T>, text: string): T {
  const value = parsed(schema, text)
  if (value === undefined) throw strange(server, 'something that is no fleet')
  return value
}

function parsed<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

function strange(server: FleetServer, what: string): SputnikError {
  return new SputnikError('SERVER_STRANGE', `${server.url} answers ${printable(what)}`)
}

function unreachable(server: FleetServer, cause: unknown): SputnikError {
  const text = `no server answers at ${server.url}: ${reasonOf(cause)}`
  return new SputnikError('SERVER_UNREACHABLE', text, {}, cause)
}

/** What fetch says hides the reason one or two causes down. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'it takes too long'
  if (error.cause instanceof Error) return reasonOf(error.cause)
  const code = 'code' in error ? String(error.code) : ''
  return error.message === '' ? code : error.message
}

/** Text of others must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?')
}
