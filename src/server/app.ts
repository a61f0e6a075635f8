/**
 * What every handler needs: engine, admission, templates, metrics, and the one model. Knows
 * nothing of single endpoints.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { SputnikError } from '../base/errors.js'
import type { Logger } from '../base/log.js'
import type { ExpertsView, ModelInfo } from '../engine/protocol.js'
import type { Admission } from './admission.js'
import type { ApiKeys } from './auth.js'
import type { EngineClient } from './engine-client.js'
import { FleetChanges } from './fleet-changes.js'
import { FleetFeed } from './fleet-feed.js'
import { FLEET_EXPERTS_MS } from './limits.js'
import type { ServerMetrics } from './metrics.js'
import { Recent } from './recent.js'
import type { SseOptions } from './sse-stream.js'
import type { TemplateRenderer } from './template.js'

/** Times that tests shorten; the defaults are in limits.ts. */
export type ServerTimes = SseOptions & {
  readonly earlyErrorMs?: number
  readonly headersMs?: number
  readonly bodyMs?: number
  readonly fleetPollMs?: number
}

export type AppOptions = {
  readonly engine: EngineClient
  readonly admission: Admission
  readonly metrics: ServerMetrics
  readonly keys: ApiKeys
  readonly log: Logger
  /** The name of the model while it still loads. */
  readonly modelId: string
  readonly isLocalOnly: boolean
  readonly times: ServerTimes
}

/** One request and its answer on their way through a handler. */
export type Exchange = {
  readonly app: App
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly path: string
  readonly requestId: string
}

export class App {
  readonly options: AppOptions
  readonly fleet: FleetFeed
  readonly experts: Recent<ExpertsView>
  readonly changes = new FleetChanges()
  readonly createdSeconds = Math.floor(Date.now() / 1000)
  #templates: TemplateRenderer | undefined
  #isDraining = false

  constructor(options: AppOptions) {
    this.options = options
    const { engine, times } = options
    this.fleet = new FleetFeed({
      read: async () => (await engine.stats()).fleet,
      ...(times.fleetPollMs === undefined ? {} : { pollMs: times.fleetPollMs }),
    })
    this.experts = new Recent({
      read: () => engine.experts(),
      ageMs: times.fleetPollMs ?? FLEET_EXPERTS_MS,
      now: () => performance.now(),
    })
  }

  get modelId(): string {
    return this.options.engine.model?.id ?? this.options.modelId
  }

  get isReady(): boolean {
    return (
      this.options.engine.state === 'ready' && this.#templates !== undefined && !this.#isDraining
    )
  }

  useTemplates(templates: TemplateRenderer): void {
    this.#templates = templates
  }

  drain(): void {
    this.#isDraining = true
    // They would never end by themselves and must not be waited for.
    this.fleet.close()
  }

  async close(): Promise<void> {
    this.options.metrics.close()
    await this.#templates?.close()
  }

  /** Throws what a client should see while nothing can be generated. */
  requireReady(): { readonly model: ModelInfo; readonly templates: TemplateRenderer } {
    if (this.#isDraining) throw new SputnikError('SHUTTING_DOWN', 'the server is shutting down')
    this.options.engine.assertReady()
    const { model } = this.options.engine
    if (model === undefined || this.#templates === undefined) {
      throw new SputnikError('NOT_READY', 'the model is still loading')
    }
    return { model, templates: this.#templates }
  }

  /** Throws MODEL_NOT_FOUND when the request names another model than the one served. */
  checkModel(name: string | undefined): void {
    if (name === undefined || name === this.modelId) return
    const text = `the model \`${name}\` does not exist here`
    throw new SputnikError('MODEL_NOT_FOUND', text, { param: 'model', available: this.modelId })
  }
}
