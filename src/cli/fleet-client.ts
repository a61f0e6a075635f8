/**
 * Asks a running server about its fleet and has it changed; turns what goes wrong into errors that
 * say what to do. Knows nothing of how the answers are shown.
 */
import type { z } from 'zod'
import { SputnikError } from '../base/errors.js'
import type { FleetAction } from '../engine/protocol.js'
import { type FleetServer, refusal, strange, unreachable } from './fleet-refusal.js'
import {
  type ExpertsAnswer,
  eventSchema,
  expertsSchema,
  type FleetAnswer,
  type FleetEvent,
  fleetSchema,
} from './fleet-schema.js'
import { readEvents } from './sse-client.js'

const ANSWER_MS = 10_000
/** The head ends what it computes before it changes anything. */
const CHANGE_MS = 60_000

const REQUESTS = {
  drain: { method: 'POST', end: '/drain' },
  evict: { method: 'DELETE', end: '' },
  pardon: { method: 'POST', end: '/pardon' },
} as const

/** @throws SputnikError FLEET_OFF and the SERVER_ ones */
export async function fetchFleet(server: FleetServer, signal?: AbortSignal): Promise<FleetAnswer> {
  return check(server, fleetSchema, await getText(server, '/v1/fleet', signal))
}

/** All layers, or one. @throws SputnikError FLEET_OFF, BAD_PARAM and the SERVER_ ones */
export async function fetchExperts(server: FleetServer, layer?: number): Promise<ExpertsAnswer> {
  const query = layer === undefined ? '' : `?layer=${layer}`
  return check(server, expertsSchema, await getText(server, `/v1/fleet/experts${query}`))
}

/** @throws SputnikError FLEET_OFF, FLEET_BUSY, the NODE_ and the SERVER_ ones */
export async function changeNode(
  server: FleetServer,
  { action, node }: { readonly action: FleetAction; readonly node: string },
): Promise<void> {
  const { method, end } = REQUESTS[action]
  const path = `/v1/fleet/domains/${encodeURIComponent(node)}${end}`
  await request(server, path, { method, signal: AbortSignal.timeout(CHANGE_MS) })
}

/** Every change of the fleet, until `signal`; it does not throw for being aborted. */
export async function* watchFleet(
  server: FleetServer,
  signal: AbortSignal,
): AsyncGenerator<FleetEvent> {
  try {
    const response = await requestStream(server, signal)
    for await (const data of readEvents(response, 'fleet')) yield check(server, eventSchema, data)
  } catch (error) {
    if (signal.aborted) return
    throw error instanceof SputnikError ? error : unreachable(server, error)
  }
  if (!signal.aborted) throw unreachable(server, new Error('it ended the stream'))
}

async function getText(server: FleetServer, path: string, signal?: AbortSignal): Promise<string> {
  const late = AbortSignal.timeout(ANSWER_MS)
  const both = signal === undefined ? late : AbortSignal.any([signal, late])
  const response = await request(server, path, { signal: both })
  return reading(server, () => response.text())
}

async function requestStream(
  server: FleetServer,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new Error('it does not answer')), ANSWER_MS)
  try {
    const both = AbortSignal.any([signal, late.signal])
    const { body } = await request(server, '/v1/fleet/events', { signal: both })
    if (body === null) throw strange(server, 'an empty answer')
    return body
  } finally {
    clearTimeout(timer)
  }
}

async function request(
  server: FleetServer,
  path: string,
  how: { readonly signal: AbortSignal; readonly method?: string },
): Promise<Response> {
  const { apiKey, url } = server
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  const response = await reading(server, () => fetch(`${url}${path}`, { headers, ...how }))
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

function check<T>(server: FleetServer, schema: z.ZodType<T>, text: string): T {
  const value = parseAs(schema, text)
  if (value === undefined) throw strange(server, 'something that is no fleet')
  return value
}

/** Undefined when it is something else. */
function parseAs<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
