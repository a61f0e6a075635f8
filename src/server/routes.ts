/**
 * Every route there is, in one table, each with who may call it. What is not here does not exist.
 */
import { SputnikError } from '../base/errors.js'
import type { Exchange } from './app.js'
import { handleChat } from './chat.js'
import { handleCompletions } from './completions.js'
import { handleFleetExperts } from './fleet-experts.js'
import { handleDrain, handleEvict, handlePardon } from './fleet-nodes.js'
import { handleFleet, handleFleetEvents } from './fleet-routes.js'
import {
  handleDetokenize,
  handleHealth,
  handleMetrics,
  handleModel,
  handleModels,
  handleReady,
  handleTokenize,
} from './small-endpoints.js'

export type Route = {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** A `*` is one part between two `/`, or at the end all that follows. */
  readonly path: string
  /** `public` needs no key even when the server has some; `admin` changes the fleet. */
  readonly auth: 'public' | 'infer' | 'metrics' | 'admin'
  readonly handle: (exchange: Exchange) => void | Promise<void>
}

export const ROUTES: readonly Route[] = [
  { method: 'POST', path: '/v1/chat/completions', auth: 'infer', handle: handleChat },
  { method: 'POST', path: '/v1/completions', auth: 'infer', handle: handleCompletions },
  { method: 'GET', path: '/v1/models', auth: 'infer', handle: handleModels },
  { method: 'GET', path: '/v1/models/*', auth: 'infer', handle: handleModel },
  { method: 'GET', path: '/v1/fleet', auth: 'infer', handle: handleFleet },
  { method: 'GET', path: '/v1/fleet/events', auth: 'infer', handle: handleFleetEvents },
  { method: 'GET', path: '/v1/fleet/experts', auth: 'infer', handle: handleFleetExperts },
  { method: 'POST', path: '/v1/fleet/domains/*/drain', auth: 'admin', handle: handleDrain },
  { method: 'POST', path: '/v1/fleet/domains/*/pardon', auth: 'admin', handle: handlePardon },
  { method: 'DELETE', path: '/v1/fleet/domains/*', auth: 'admin', handle: handleEvict },
  { method: 'POST', path: '/tokenize', auth: 'infer', handle: handleTokenize },
  { method: 'POST', path: '/detokenize', auth: 'infer', handle: handleDetokenize },
  { method: 'GET', path: '/health', auth: 'public', handle: handleHealth },
  { method: 'GET', path: '/ready', auth: 'public', handle: handleReady },
  { method: 'GET', path: '/metrics', auth: 'metrics', handle: handleMetrics },
]

export function findRoute(path: string): Route | undefined {
  return ROUTES.find((route) => matches(route.path, path))
}

/** Throws METHOD_NOT_ALLOWED; HEAD is allowed where GET is. */
export function checkMethod(route: Route, method: string | undefined): void {
  if (method === route.method || (method === 'HEAD' && route.method === 'GET')) return
  const allowed = route.method === 'GET' ? 'GET, HEAD' : route.method
  const text = `${route.path} does not take ${method ?? 'this method'}`
  throw new SputnikError('METHOD_NOT_ALLOWED', text, { allowed })
}

function matches(pattern: string, path: string): boolean {
  const [start = '', end] = pattern.split('*')
  if (end === undefined) return pattern === path
  const middle = path.slice(start.length, path.length - end.length)
  if (middle === '' || path !== `${start}${middle}${end}`) return false
  return end === '' || !middle.includes('/')
}
