/**
 * The pages connection of a domain to its head: opened again when it ends, later each time. Knows
 * nothing of pages.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../base/log.js'
import type { Identity } from '../fabric/identity.js'
import { PageClient } from '../fabric/page-client.js'

export type SupplyHeadOptions = {
  readonly connect: (onEnd: (reason: string) => void) => Promise<PageClient>
  /** Each time a connection is there. */
  readonly onOpen: (client: PageClient) => void
  readonly log: Logger
}

const CONNECT_MS = 10_000
const FIRST_DELAY_MS = 100
const DELAY_MS_MAX = 5000

/** A pages connection to the head or to another node. @throws SputnikError of `PageClient.open` */
export function connectPages(
  { host, port, pin, plain }: { host: string; port: number; pin: string; plain: boolean },
  options: {
    readonly identity: Identity
    readonly modelHash: string
    readonly onEnd: (reason: string) => void
    readonly timeoutMs?: number
  },
): Promise<PageClient> {
  const { identity, modelHash, onEnd, timeoutMs = CONNECT_MS } = options
  return PageClient.open({ host, port, pin, plain, identity, modelHash, onEnd, timeoutMs })
}

export class SupplyHead {
  readonly #options: SupplyHeadOptions
  readonly #stop = new AbortController()
  #client: PageClient | undefined

  constructor(options: SupplyHeadOptions) {
    this.#options = options
  }

  /** Undefined while there is no connection. */
  get client(): PageClient | undefined {
    return this.#client
  }

  /** The first connection. @throws SputnikError when it fails; later ones are tried for ever */
  async open(): Promise<PageClient> {
    const { connect, onOpen } = this.#options
    const client = await connect((reason) => void this.#reopen(reason))
    this.#client = client
    onOpen(client)
    return client
  }

  close(): void {
    this.#stop.abort()
    this.#client?.end('this side has closed it')
  }

  async #reopen(reason: string): Promise<void> {
    const { signal } = this.#stop
    const { log } = this.#options
    this.#client = undefined
    if (!signal.aborted) log.warn('the link for pages has ended', { reason })
    for (
      let delayMs = FIRST_DELAY_MS;
      !signal.aborted;
      delayMs = Math.min(2 * delayMs, DELAY_MS_MAX)
    ) {
      await sleep(delayMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      try {
        await this.open()
        return
      } catch (error) {
        log.debug('no link for pages yet', { reason: String(error) })
      }
    }
  }
}
