/**
 * Messages as flows of a packet network: what a step sends is simulated packet by packet. Knows
 * nothing of transports but that some want to know of answers before they are sent.
 */
import { assert, defined } from '../../base/assert.js'
import { PacketNetwork, type PacketNetworkOptions } from '../net/packet-network.js'
import { psOf, secondsOf } from '../net/time.js'
import { Agenda } from './agenda.js'
import type { Message, MessageNetwork } from './network.js'

export class PacketMessages implements MessageNetwork {
  readonly network: PacketNetwork
  readonly #arrived = new Map<number, () => void>()
  /** In picoseconds. */
  readonly #agenda = new Agenda()
  #sent: Array<{ readonly message: Message; readonly arrived: () => void }> = []

  constructor(options: Omit<PacketNetworkOptions, 'onFinished'>) {
    this.network = new PacketNetwork({
      ...options,
      onFinished: (flow) => {
        const arrived = defined(this.#arrived.get(flow), 'message of a flow')
        this.#arrived.delete(flow)
        arrived()
      },
    })
  }

  get nowS(): number {
    return secondsOf(this.network.nowPs)
  }

  send(message: Message, arrived: () => void): void {
    this.#sent.push({ message, arrived })
  }

  after(delayS: number, act: () => void): void {
    this.#agenda.add(this.network.nowPs + psOf(delayS), act)
  }

  run(): void {
    this.#flush()
    while (this.#arrived.size > 0 || this.#agenda.count > 0) {
      const untilPs = this.#agenda.next
      const isStuck = this.network.isIdle && !Number.isFinite(untilPs)
      assert(!isStuck, `the network stands still with ${this.#arrived.size} messages under way`)
      // One event at a time, since any of them may plan something or send.
      this.network.run({ untilPs, events: 1 })
      this.#agenda.take(this.network.nowPs)
      this.#flush()
    }
  }

  /** Flows of one moment begin together, and their answers are known before. */
  #flush(): void {
    const sent = this.#sent
    if (sent.length === 0) return
    this.#sent = []
    const startPs = this.network.nowPs
    for (const { message, arrived } of sent) {
      const { from, to, bytes, isAnswer = false } = message
      const ends = { source: from, destination: to }
      const flow = this.network.addFlow({ ...ends, bytes, startPs, isAnswer })
      this.#arrived.set(flow, arrived)
    }
    this.network.transport.expect?.(
      sent.flatMap(({ message: { from, to, replyBytes } }) =>
        replyBytes === undefined ? [] : [{ from: to, to: from, bytes: replyBytes }],
      ),
    )
  }
}
