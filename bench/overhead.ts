/**
 * What the way to a card and back costs per layer and step: the time the head spends on a region
 * less the time the card computes, against raw round trips of the same bytes.
 */
import { assert } from '../src/base/assert.js'
import { median, summarise } from '../src/base/statistics.js'
import { CardExperts, combineEncoding, spinUsOf } from '../src/engine/card-experts.js'
import { expertsUsed } from '../src/engine/experts-used.js'
import type { EngineConfig } from '../src/engine/protocol.js'
import type { Runtime } from '../src/engine/runtime.js'
import { prefillTokens } from '../src/engine/speed.js'
import { combineBytes, dispatchLayout } from '../src/fabric/dispatch.js'
import { encodedRowBytes } from '../src/fabric/encoding.js'
import { openGguf } from '../src/gguf/reader.js'
import { HAS_SHARED_MEMORY } from '../src/native/shared-memory.js'
import { referenceModel } from './reference-model.js'
import { type Benchmark, type BenchmarkOptions, type Section, summaryRows } from './report.js'
import { openLinkTrips, openNetTrips, type RawTrips, type TripSizes } from './round-trips.js'
import { benchConfig, type Contender, takeTurns, withSubjects } from './support.js'

const STEPS = 32
const TRIPS = 400
const PROMPT = [1, 2, 3, 4]
const REGION = 'region less card'
const TARGETS = { [REGION]: { atMost: 1.5 } }

export const overhead: Benchmark = {
  name: 'overhead',
  about: 'a region at the head, less the card, against raw round trips',
  run: async (options) => [await measure(options)],
}

function measure({ rounds }: BenchmarkOptions): Promise<Section> {
  const config = benchConfig(referenceModel(), { cards: 1 })
  return withSubjects([{ name: REGION, config }], async (subjects) => {
    const runtime = subjects[0]?.runtime
    assert(runtime !== undefined, 'a subject was loaded')
    const sizes = decodeSizes(config)
    const raw = await openRaw(config, sizes)
    const contenders: Contender[] = [
      ...Object.entries(raw).map(([name, trips]) => ({ name, run: () => trips.measure(TRIPS) })),
      { name: REGION, run: () => measureRegion(runtime, sizes) },
    ]
    const series = await takeTurns(contenders, rounds)
    for (const trips of Object.values(raw)) trips.close()
    const { outBytes, backBytes } = sizes
    return {
      title: `overhead: us per layer and step, ${outBytes} bytes out, ${backBytes} back`,
      rows: summaryRows(summarise(series), { unit: 'us', targets: TARGETS }),
    }
  })
}

async function openRaw(config: EngineConfig, sizes: TripSizes): Promise<Record<string, RawTrips>> {
  const spinUs = spinUsOf(config)
  const net = await openNetTrips(sizes)
  const socket = openLinkTrips({ ...sizes, spinUs, hasSharedMemory: false })
  const all = { 'node:net': net, 'socket link': socket }
  if (!HAS_SHARED_MEMORY) return all
  return { ...all, 'shared link': openLinkTrips({ ...sizes, spinUs, hasSharedMemory: true }) }
}

/** Frames of one token whose experts are all on one card. */
function decodeSizes({ modelPath, wire }: EngineConfig): TripSizes {
  const gguf = openGguf(modelPath)
  const width = gguf.getModelNumber('embedding_length') ?? 0
  const pairs = Math.max(...expertsUsed(gguf))
  const rowBytes = encodedRowBytes(wire, width)
  return {
    outBytes: dispatchLayout({ tokens: 1, pairs, rowBytes }).bytes,
    backBytes: combineBytes(1, encodedRowBytes(combineEncoding(wire), width)),
  }
}

/** Microseconds per layer, at the median of some steps. */
function measureRegion(runtime: Runtime, sizes: TripSizes): number {
  const { experts } = runtime
  assert(experts instanceof CardExperts, 'the experts are on a card')
  prefillTokens(runtime, PROMPT)
  const samples = Array.from({ length: STEPS }, (_, step) => {
    const before = countersOf(experts)
    runtime.batch.clear()
    runtime.batch.add(step + 1, { position: PROMPT.length + step, sequence: 0, output: true })
    runtime.decode()
    runtime.logits(0)
    const after = countersOf(experts)
    const layers = after.regions - before.regions
    const bytes = after.bytes - before.bytes
    assert(bytes === layers * (sizes.outBytes + sizes.backBytes), 'frames have the raw sizes')
    return (after.us - before.us) / layers
  })
  return median(samples)
}

type Counters = { readonly us: number; readonly regions: number; readonly bytes: number }

function countersOf(experts: CardExperts): Counters {
  const { regions, cards } = experts.stats()
  const bytes = cards.reduce((sum, card) => sum + card.bytesSent + card.bytesReceived, 0)
  return { us: experts.regionUs - experts.computeUs, regions, bytes }
}
