/**
 * How a run went over time, in bounded room: when it is full, every other sample goes and only half
 * as many are taken from then on. Samples are sums since the beginning, so that what happened
 * between any two is their difference.
 */
import type { PacketNetwork } from '../net/packet-network.js'
import { secondsOf } from '../net/time.js'

export type Sample = {
  readonly timeS: number
  /** In the longest queue of a switch, at that time. */
  readonly queueBytes: number
  /** In all queues of switches. */
  readonly queuedBytes: number
  readonly deliveredBytes: number
  readonly finishedFlows: number
  readonly drops: number
  readonly trims: number
  readonly marks: number
}

const SAMPLES_MAX = 2048

export class Samples {
  #kept: Sample[] = []
  #stride = 1
  #calls = 0

  get all(): readonly Sample[] {
    return this.#kept
  }

  take(network: PacketNetwork): void {
    if (this.#calls++ % this.#stride !== 0) return
    if (this.#kept.length === SAMPLES_MAX) {
      this.#kept = this.#kept.filter((_, i) => i % 2 === 0)
      this.#stride *= 2
    }
    this.#kept.push(sampleOf(network))
  }
}

function sampleOf(network: PacketNetwork): Sample {
  const { counters, ports, flows, hosts } = network
  let [queueBytes, queuedBytes] = [0, 0]
  for (let port = 0; port < ports.count; port++) {
    if ((ports.from[port] ?? 0) < hosts) continue
    const bytes = (ports.plainBytes[port] ?? 0) + (ports.urgentBytes[port] ?? 0)
    queuedBytes += bytes
    if (bytes > queueBytes) queueBytes = bytes
  }
  return {
    timeS: secondsOf(network.nowPs),
    queueBytes,
    queuedBytes,
    deliveredBytes: deliveredBytes(network),
    finishedFlows: flows.finishedCount,
    drops: counters.droppedPackets,
    trims: counters.trimmedPackets,
    marks: counters.markedPackets,
  }
}

/** Payload that receivers have. */
export function deliveredBytes({ flows }: PacketNetwork): number {
  let sum = 0
  for (let flow = 0; flow < flows.count; flow++) sum += flows.deliveredBytes[flow] ?? 0
  return sum
}
