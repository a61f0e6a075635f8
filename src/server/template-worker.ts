/**
 * The worker thread that renders one chat template. Knows nothing of time limits: its owner
 * ends it when it takes too long.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { Template } from '@huggingface/jinja'
import { assert } from '../base/assert.js'
import { reasonOf } from '../base/errors.js'

/** The first message is of no job: from then on the thread can render. */
export type RenderAnswer =
  | { readonly isUp: true }
  | { readonly text: string }
  | { readonly error: string }

export type TemplateWorkerData = { readonly template: string; readonly maxBytes: number }

assert(parentPort !== null, 'the template worker runs as a worker thread')
const port = parentPort
const { template, maxBytes } = workerData as TemplateWorkerData
let compiled: Template | undefined

port.postMessage({ isUp: true } satisfies RenderAnswer)
port.on('message', (variables: Record<string, unknown>) => port.postMessage(render(variables)))

function render(variables: Record<string, unknown>): RenderAnswer {
  try {
    compiled ??= new Template(template)
    const text = compiled.render(variables)
    if (Buffer.byteLength(text) > maxBytes) return { error: `more than ${maxBytes} bytes of text` }
    return { text }
  } catch (error) {
    return { error: reasonOf(error) }
  }
}
