/**
 * Who holds each expert and how often it was called, over HTTP: the whole matrix or one layer of
 * it. Knows nothing of where it comes from.
 */
import type { ExpertsView } from '../engine/protocol.js'
import type { Exchange } from './app.js'
import { sendJson } from './http-error.js'
import { badParam } from './validate.js'

export async function handleFleetExperts({ app, req, res }: Exchange): Promise<void> {
  const layer = layerOf(req.url ?? '')
  const view = await app.experts.get()
  sendJson(res, 200, layer === undefined ? view : onlyLayer(view, layer))
}

/** Throws BAD_PARAM. */
function layerOf(url: string): number | undefined {
  const at = url.indexOf('?')
  const text = at < 0 ? null : new URLSearchParams(url.slice(at)).get('layer')
  if (text === null) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw badParam('layer', 'must be the number of a layer')
}

function onlyLayer(view: ExpertsView, wanted: number): ExpertsView {
  const layers = view.layers.filter(({ layer }) => layer === wanted)
  if (layers.length > 0) return { ...view, layers }
  throw badParam('layer', `layer ${wanted} has no routed experts`)
}
