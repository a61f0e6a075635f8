/**
 * The fabric thread as its main thread sees it: peers that join and end as events, links to them
 * that block. Knows nothing of what peers are for.
 */
import { Worker } from 'node:worker_threads'
import type { FabricEvent, FabricRole, PeerJoined } from './fabric-messages.js'
import type { ServedModel } from './page-service.js'
import { ThreadBox } from './thread-box.js'
import { ThreadLink } from './thread-link.js'

export type FabricOptions = {
  readonly role: FabricRole
  readonly spinUs: number
  readonly now: () => number
  readonly onEvent: (event: FabricEvent) => void
  /** The thread itself has ended. */
  readonly onCrash: (error: Error) => void
}

const SEND_MS = 30_000

export class Fabric {
  readonly #options: FabricOptions
  readonly #worker: Worker

  constructor(options: FabricOptions) {
    this.#options = options
    this.#worker = new Worker(new URL('./fabric-thread.js', import.meta.url), {
      workerData: options.role,
    })
    this.#worker.on('message', options.onEvent)
    this.#worker.on('error', options.onCrash)
  }

  /** The link to a peer that joined; once for each. */
  link({ peer, boxes }: PeerJoined): ThreadLink {
    const { spinUs, now } = this.#options
    return new ThreadLink({
      outbox: new ThreadBox(boxes.toThread),
      inbox: new ThreadBox(boxes.toMain),
      wake: () => this.#worker.postMessage({ kind: 'wake', peer }),
      sendTimeoutMs: SEND_MS,
      spinUs,
      now,
      onClose: () => {},
    })
  }

  /** At a head: lets nodes join and serves them the model's pages. */
  serve(model: ServedModel): void {
    this.#worker.postMessage({ kind: 'model', model })
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}
