/** A head inside this process, as the decode benchmarks need it, and the nodes that join it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert, defined } from '../src/base/assert.js'
import { fixedTokens } from '../src/engine/fixed-tokens.js'
import type { EngineConfig, FleetView } from '../src/engine/protocol.js'
import { decodeGreedily, openSubject, prefillTokens, type Subject } from '../src/engine/speed.js'
import { openGguf } from '../src/gguf/reader.js'
import { recordNativeLog } from '../src/native/native-log.js'
import { createKey, isSettled, pageCount, stateOf } from './fleet-head.js'
import { FleetNode } from './fleet-node.js'
import { waitUntil } from './processes.js'
import { benchConfig, now } from './support.js'

export type FleetSpec = {
  readonly name: string
  readonly config?: Partial<EngineConfig>
  /** For each domain, more of `sputnik join`. */
  readonly domains: ReadonlyArray<readonly string[]>
}

export type FleetSubject = Subject & {
  readonly fleet: () => FleetView
  /** Waits until the domains hold all pages; what they have to say is heard meanwhile. */
  readonly settled: () => Promise<void>
}

const MOVE_MS = 120_000

/** Plain libllama first, then a head for each spec, whose domains hold all pages. */
export async function withFleets<T>(
  modelPath: string,
  specs: readonly FleetSpec[],
  use: (plain: Subject, fleets: readonly FleetSubject[]) => Promise<T>,
): Promise<T> {
  recordNativeLog()
  const folder = mkdtempSync(join(tmpdir(), 'sputnik-bench-'))
  const before = process.env.XDG_STATE_HOME
  process.env.XDG_STATE_HOME = stateOf(folder).XDG_STATE_HOME
  const subjects: Subject[] = []
  const nodes: FleetNode[] = []
  try {
    const config = benchConfig(modelPath)
    const plain = openSubject('plain', { config, gguf: openGguf(modelPath), isPlain: true })
    subjects.push(plain)
    const fleets: FleetSubject[] = []
    for (const spec of specs) {
      const opened = await openFleet(modelPath, spec, { folder, nodes })
      subjects.push(opened)
      fleets.push(opened)
    }
    return await use(plain, fleets)
  } finally {
    await Promise.all(nodes.map((node) => node.stop()))
    for (const { runtime } of subjects) runtime.free()
    if (before === undefined) delete process.env.XDG_STATE_HOME
    else process.env.XDG_STATE_HOME = before
    rmSync(folder, { recursive: true, force: true })
  }
}

async function openFleet(
  modelPath: string,
  { name, config, domains }: FleetSpec,
  { folder, nodes }: { folder: string; nodes: FleetNode[] },
): Promise<FleetSubject> {
  const listening = { fleetListen: '127.0.0.1:0', ...config }
  const subject = openSubject(name, {
    config: benchConfig(modelPath, listening),
    gguf: openGguf(modelPath),
    isPlain: false,
  })
  const fleet = (): FleetView =>
    defined(subject.runtime.experts?.stats().fleet ?? undefined, 'fleet')
  await waitUntil(() => fleet().address !== null, { what: 'a head that listens' })
  const address = defined(fleet().address ?? undefined, 'an address')
  const key = await createKey(address, stateOf(folder))
  domains.forEach((options, index) => {
    const node = `${name}-${index}`.replace(/[^\w.-]/g, '-')
    nodes.push(new FleetNode({ name: node, folder, address, key, modelPath, options }))
  })
  const wanted = { domains: domains.length, pages: pageCount(modelPath) }
  const what = `${wanted.pages} pages on ${wanted.domains} domains`
  const settled = (): Promise<void> =>
    waitUntil(() => isSettled(fleet(), wanted), { what, withinMs: MOVE_MS })
  await settled()
  return { ...subject, fleet, settled }
}

const PROMPT = 128
const GENERATE = 64
/** V8 compiles the path of a layer at both ends only after it has run a few thousand times. */
const WARM_UP_RUNS = 12

export function warmUp(subject: Subject): void {
  for (let run = 0; run < WARM_UP_RUNS; run++) decodeSpeed(subject, run)
}

/** Tokens per second after a prompt. */
export function decodeSpeed({ runtime }: Subject, round: number): number {
  const tokens = fixedTokens(PROMPT, { sequence: round, vocabSize: runtime.vocab.size })
  prefillTokens(runtime, tokens)
  const started = now()
  decodeGreedily(runtime, { from: PROMPT, count: GENERATE })
  const ended = now()
  assert(ended > started, 'time passes')
  return (1000 * GENERATE) / (ended - started)
}
