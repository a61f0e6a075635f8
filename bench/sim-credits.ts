/**
 * The incast at a head's port in the simulator: 16 domains answer at once through a port of
 * 1 Gbit/s with 100 kB, with the fabric's credits, over the same connections without (`kept`), and
 * over a TCP connection for each answer. The same as `incast`, which measures real sockets.
 */
import { Prng } from '../src/base/prng.js'
import { quantile } from '../src/base/statistics.js'
import { PacketMessages } from '../src/sim/moe/packets.js'
import { playLayer } from '../src/sim/moe/play-layer.js'
import { stepNetwork } from '../src/sim/moe/step-networks.js'
import { type Benchmark, judge, type Row, type Section } from './report.js'

const DOMAINS = 16
const BYTES_PER_SECOND = 125e6
const BUFFER_BYTES = 100_000
const LATENCY_S = 20e-6
const COMPUTE_S = 20e-6
const DISPATCH_BYTES = 512
const REPLY_BYTES = [8, 32, 64, 128, 256].map((kilobytes) => 1000 * kilobytes)
const TRANSPORTS = ['credits', 'kept', 'cubic', 'dctcp'] as const
const WARM_UP = 10
const ROUNDS = 100
const SEED = 7
/** Of replies that are more than a few packets each. */
const GOODPUT_MIN = 0.9
const LONG_BYTES = 32_000

export const simCredits: Benchmark = {
  name: 'sim-credits',
  about: `${DOMAINS} simulated domains answer at once through a port of 1 Gbit/s`,
  run: async ({ say }) => [measure(say)],
}

function measure(say: (text: string) => void): Section {
  const rows = REPLY_BYTES.flatMap((bytes) => {
    say(`sim-credits: replies of ${bytes} bytes`)
    return TRANSPORTS.map((transport) => row(transport, bytes))
  })
  return { title: `sim-credits: ${DOMAINS} domains, ${ROUNDS} rounds`, rows }
}

function row(transport: (typeof TRANSPORTS)[number], bytes: number): Row {
  const messages = stepNetwork(transport, {
    hostBytesPerSecond: new Array<number>(DOMAINS + 1).fill(BYTES_PER_SECOND),
    ...{ latencyS: LATENCY_S, bufferBytes: BUFFER_BYTES, seed: SEED },
  })
  const prng = Prng.fromSeed(SEED)
  const layer = {
    exchanges: Array.from({ length: DOMAINS }, (_, at) => ({
      ...{ source: 0, domain: at + 1, dispatchBytes: DISPATCH_BYTES, combineBytes: bytes },
    })),
    computeS: () => COMPUTE_S * prng.nextFloat(),
  }
  for (let round = 0; round < WARM_UP; round++) playLayer(messages, layer)
  const seconds = Array.from({ length: ROUNDS }, () => playLayer(messages, layer).totalS)
  const mean = seconds.reduce((sum, one) => sum + one, 0) / ROUNDS
  const goodput = (DOMAINS * bytes) / BYTES_PER_SECOND / mean
  const isJudged = transport === 'credits' && bytes >= LONG_BYTES
  return {
    transport,
    'reply kB': bytes / 1000,
    goodput,
    'p50 ms': 1000 * quantile(seconds, 0.5),
    'p99 ms': 1000 * quantile(seconds, 0.99),
    ...losses(messages),
    ...judge(goodput, isJudged ? { atLeast: GOODPUT_MIN } : undefined),
  }
}

function losses(messages: unknown): Row {
  if (!(messages instanceof PacketMessages)) return {}
  const { counters, flows } = messages.network
  const timeouts = flows.timeouts.reduce((sum, count) => sum + count, 0)
  return { dropped: counters.droppedPackets, 'time-outs': timeouts }
}
