/**
 * The fabric thread as its main thread sees it: peers that join and end as events, and links to
 * them, which share the credit of this process. Knows nothing of what peers are for.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { reasonOf, SputnikError, toPlain } from '../base/errors.js'
import { localSockets } from '../native/sockets.js'
import { Credits } from './credits.js'
import { openDataChannel } from './data-channel.js'
import { DataLink } from './data-link.js'
import type {
  FabricCommand,
  FabricEvent,
  FabricRole,
  FabricStart,
  PeerJoined,
} from './fabric-messages.js'
import type { ServedModel } from './page-service.js'
import { PeerState } from './peer-state.js'

export type FabricOptions = {
  readonly role: FabricRole
  readonly spinUs: number
  /** Shared with other fabrics of this process, whose peers use the same port of this host. */
  readonly credits?: Credits
  /** False lets every frame go at once, for measurements of what credits bring. */
  readonly isCredited?: boolean
  readonly now: () => number
  readonly onEvent: (event: FabricEvent) => void
  /** The thread itself has ended. */
  readonly onCrash: (error: Error) => void
}

/** A head looks at a new link between two steps, and a step with a long prompt takes its time. */
const OPEN_MS = 60_000

export class Fabric {
  readonly credits: Credits
  readonly #options: FabricOptions
  readonly #worker: Worker
  readonly #events: MessagePort

  constructor(options: FabricOptions) {
    this.#options = options
    const isStanding = options.role.role === 'domain'
    this.credits = options.credits ?? new Credits({ isStanding, now: options.now })
    const { port1, port2 } = new MessageChannel()
    this.#events = port1
    this.#worker = new Worker(new URL('./fabric-thread.js', import.meta.url), {
      workerData: { role: options.role, events: port2 } satisfies FabricStart,
      transferList: [port2],
    })
    this.#events.on('message', options.onEvent)
    this.#worker.on('error', options.onCrash)
  }

  /** Takes events now, for when the event loop does not turn. */
  poll(): void {
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      this.#options.onEvent(next.message)
    }
  }

  #take(): { readonly message: FabricEvent } | undefined {
    return receiveMessageOnPort(this.#events)
  }

  /**
   * The link to a peer that joined; once for each. It opens as it is polled.
   * @throws SputnikError NODE_UNSUPPORTED, NATIVE_FAILED
   */
  link(joined: PeerJoined): DataLink {
    const { spinUs, now, isCredited = true } = this.#options
    const { peer } = joined
    try {
      const channel = this.#channel(joined)
      this.#tell({ kind: 'taken', peer })
      return new DataLink({
        channel,
        state: new PeerState(joined.state),
        ...(isCredited && { credits: this.credits }),
        spinUs,
        openTimeoutMs: OPEN_MS,
        now,
        onEnd: (reason, told) =>
          this.#tell({ kind: 'close', peer, reason, ...(told && { error: toPlain(told) }) }),
      })
    } catch (error) {
      this.refuse(joined, reasonOf(error))
      throw error
    }
  }

  /** Lets a peer go for which there is no link. */
  refuse({ peer }: PeerJoined, reason: string): void {
    this.#tell({ kind: 'close', peer, reason })
  }

  /** At a head: lets nodes join and serves them the model's pages. */
  serve(model: ServedModel): void {
    this.#worker.postMessage({ kind: 'model', model })
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
    this.#events.close()
  }

  #channel({ fd: theirs, peerCertificatePem }: PeerJoined) {
    const { role } = this.#options
    const sockets = localSockets()
    const fd = sockets.duplicate(theirs)
    if (fd < 0) throw new SputnikError('NATIVE_FAILED', 'no descriptor for a data connection')
    const { identity } = role
    const isHead = role.role === 'head'
    return openDataChannel({ sockets, fd, isHead, identity, peerCertificatePem })
  }

  #tell(command: FabricCommand): void {
    this.#worker.postMessage(command)
  }
}
