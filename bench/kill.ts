/** Domains are killed at random under load: what it costs the streams, in errors, text and time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Prng } from '../src/base/prng.js'
import { FleetHead } from './fleet-head.js'
import { asksOf, readAlone, readWave, SteadyLoad } from './fleet-load.js'
import { NodePool } from './fleet-pool.js'
import { killModel, STABLE } from './kill-model.js'
import { type KillRun, killSections, SPAN_MS } from './kill-report.js'
import { residence } from './processes.js'
import type { Benchmark, BenchmarkOptions, Section } from './report.js'
import { now } from './support.js'
import type { TimedStream } from './token-stream.js'

const STREAMS = 8
const DOMAINS = 3
const REPLICAS = 2
const KILLS = 200
/** So many that none is killed so often that it is kept out. */
const NODES = 18
const PROMPT = 16
const GENERATE = 448
const PAUSE_MS = 1000
const QUIET_WAVES = 3
const SAY_EVERY = 20
const SEED = 20_261_126
const HEAD = ['--cards', '0', '--threads', '1', '--card-threads', '1', '--ctx', '512', '--exact']
const FLEET = ['--parallel', `${STREAMS}`, '--replicas', `${REPLICAS}`]

export const kill: Benchmark = {
  name: 'kill',
  about: `${KILLS} random kills of domains under ${STREAMS} streams; takes minutes, --kills N`,
  isLong: true,
  run: measure,
}

async function measure({ kills = KILLS, say }: BenchmarkOptions): Promise<Section[]> {
  const head = await FleetHead.start(killModel(), [...HEAD, ...FLEET, ...STABLE])
  const { port, modelPath } = head
  const options = { port, modelPath, streams: STREAMS, prompt: PROMPT, maxTokens: GENERATE }
  try {
    const pool = new NodePool(head, NODES)
    while (pool.present.length < DOMAINS) pool.join()
    await head.settled({ domains: DOMAINS, replicas: REPLICAS })
    const asks = asksOf(options)
    const fromMs = now()
    const undisturbed: TimedStream[] = []
    for (let wave = 0; wave < QUIET_WAVES; wave++) undisturbed.push(...(await readWave(port, asks)))
    const quiet = { fromMs, toMs: now() }
    const alone = await readAlone(port, asks)
    const bytes = residence([head.enginePid]).VmRSS
    const load = new SteadyLoad(options)
    const times = await killOften({ head, pool, load }, { kills, say })
    await load.stop()
    const grownMb = residence([head.enginePid]).VmRSS - bytes
    return killSections({ times, load, undisturbed, alone, quiet, grownMb })
  } finally {
    await head.stop()
  }
}

type Killed = { readonly head: FleetHead; readonly pool: NodePool; readonly load: SteadyLoad }

/** Times of the kills; each comes when all domains are there again, and a random while later. */
async function killOften(
  { head, pool, load }: Killed,
  { kills, say }: { kills: number; say: (text: string) => void },
): Promise<KillRun['times']> {
  const prng = Prng.fromSeed(SEED)
  const times: number[] = []
  while (times.length < kills) {
    await load.pass(STREAMS)
    await sleep(prng.nextFloat() * PAUSE_MS)
    times.push(now())
    await pool.kill(prng.nextBelow(DOMAINS))
    pool.join()
    await head.present(DOMAINS)
    await sleep(Math.max(0, (times.at(-1) ?? 0) + SPAN_MS - now()))
    if (times.length % SAY_EVERY === 0) say(`${times.length} of ${kills} kills`)
  }
  return times
}
