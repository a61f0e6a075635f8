/**
 * `sputnik demo`: serves the model in the box with a head and cards on this machine, lets it tell a
 * story through the HTTP API, and says how fast it was and where the experts ran.
 */
import { Command } from 'commander'
import { SputnikError } from '../base/errors.js'
import { createLogger } from '../base/log.js'
import { residentBytes } from '../base/process-memory.js'
import { formatTable } from '../base/table.js'
import { formatBytes } from '../base/units.js'
import type { CardStats, EngineStats } from '../engine/protocol.js'
import { mapPages } from '../gguf/pages.js'
import { openGguf } from '../gguf/reader.js'
import { EngineClient } from '../server/engine-client.js'
import { HttpServer } from '../server/http-server.js'
import { bundledModel } from './bundled-model.js'
import { askDemo, BEGINNING, type DemoAnswer } from './demo-request.js'
import { addEngineOptions, type EngineOptions, modelIdOf, toEngineConfig } from './options.js'

type DemoOptions = EngineOptions & { readonly json: boolean }

type DemoModel = {
  readonly path: string
  readonly bytes: number
  readonly trunkBytes: number
  readonly expertBytes: number
}

type DemoProcess = {
  readonly name: string
  readonly pid: number
  /** Null where the system does not tell. */
  readonly residentBytes: number | null
  /** Bytes of the model it computes with; null for the server, which computes nothing. */
  readonly weightBytes: number | null
}

type DemoCard = DemoProcess & {
  readonly device: string
  readonly pages: number
  readonly expertCalls: number
  /** Its part of all expert calls, 0 to 1. */
  readonly share: number
}

/** The output of `--json`. */
export type DemoReport = {
  readonly model: DemoModel
  readonly startSeconds: number
  readonly beginning: string
  readonly answer: DemoAnswer
  readonly head: readonly DemoProcess[]
  readonly cards: readonly DemoCard[]
}

/** A second thread only waits in a model this small. */
const DEFAULTS = { parallel: 1, logLevel: 'warn', cards: 3, threads: 1 } as const

export function demoCommand(): Command {
  const command = new Command('demo')
    .description('let the model in the box tell a story, its experts on three cards')
    .option('--json', 'print one JSON object', false)
  return addEngineOptions(command, DEFAULTS).action(demo)
}

type Say = (text: string) => void

async function demo(options: DemoOptions): Promise<void> {
  const say: Say = (text) => {
    if (!options.json) process.stdout.write(text)
  }
  say(`One story from a head and ${options.cards} cards, all on this machine.\n\n`)
  const model = demoModel()
  say(`model    ${model.path} (${formatBytes(model.bytes)})\n`)
  const report = await serveAndAsk(model, options, say)
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  say(`${formatReport(report)}\n${HINT}`)
}

function demoModel(): DemoModel {
  const path = bundledModel()
  const gguf = openGguf(path)
  const { trunkBytes, expertBytes } = mapPages(gguf)
  const bytes = gguf.files.reduce((sum, file) => sum + file.sizeBytes, 0)
  return { path, bytes, trunkBytes, expertBytes }
}

/** Nothing runs any more when this is done, however it ends. */
async function serveAndAsk(model: DemoModel, options: DemoOptions, say: Say): Promise<DemoReport> {
  const log = createLogger({ level: options.logLevel, part: 'server' })
  const config = toEngineConfig(model.path, options)
  const engine = new EngineClient({ config, enginePath: options.engine, log })
  const server = new HttpServer({
    engine,
    host: '127.0.0.1',
    port: 0,
    apiKeys: [],
    modelId: modelIdOf(model.path),
    parallel: options.parallel,
    log,
  })
  const url = await server.listen()
  try {
    const startedMs = performance.now()
    await server.useModel(await engine.start())
    const startSeconds = (performance.now() - startedMs) / 1000
    say(`ready    in ${startSeconds.toFixed(1)} s at ${url}\n\n${BEGINNING}`)
    const answer = await askDemo(url, say)
    say('\n\n')
    const stats = await engine.stats()
    return { model, startSeconds, beginning: BEGINNING, answer, ...place(model, engine.pid, stats) }
  } finally {
    await server.close(0)
    await engine.stop()
  }
}

/** Which process did what. @throws SputnikError DEMO_FAILED when the cards did nothing */
function place(
  model: DemoModel,
  enginePid: number | undefined,
  stats: EngineStats,
): Pick<DemoReport, 'head' | 'cards'> {
  const hasCards = stats.cards.length > 0
  const weightBytes = hasCards ? model.trunkBytes : model.trunkBytes + model.expertBytes
  return {
    head: [
      { ...measure('server', process.pid), weightBytes: null },
      { ...measure('engine', enginePid ?? 0), weightBytes },
    ],
    cards: placeCards(stats.cards),
  }
}

function placeCards(cards: readonly CardStats[]): DemoCard[] {
  const calls = cards.reduce((sum, card) => sum + card.expertCalls, 0)
  if (cards.length > 0 && calls === 0) {
    throw new SputnikError('DEMO_FAILED', 'the cards computed nothing')
  }
  return cards.map(({ id, pid, device, pages, pageBytes, expertCalls }) => ({
    ...measure(`card ${id}`, pid),
    weightBytes: pageBytes,
    device,
    pages,
    expertCalls,
    share: expertCalls / calls,
  }))
}

function measure(name: string, pid: number): Omit<DemoProcess, 'weightBytes'> {
  return { name, pid, residentBytes: residentBytes(pid) ?? null }
}

const HINT = `All of these processes have ended. To serve any Mixture-of-Experts GGUF file:
  npx sputnik serve model.gguf --cards 2
`

const TITLES = ['process', 'pid', 'memory', 'weights', 'pages', 'expert calls', 'share']

function formatReport({ answer, head, cards }: DemoReport): string {
  const { promptTokens, answerTokens, prefillTokensPerSecond, decodeTokensPerSecond } = answer
  const rows = [
    ...head.map(formatProcess),
    ...cards.map((card) => [
      ...formatProcess(card),
      String(card.pages),
      String(card.expertCalls),
      `${(100 * card.share).toFixed(0)} %`,
    ]),
  ]
  return `prefill  ${promptTokens} tokens at ${prefillTokensPerSecond.toFixed(1)} tokens/s
decode   ${answerTokens} tokens at ${decodeTokensPerSecond.toFixed(1)} tokens/s

${formatTable(TITLES, rows).join('\n')}
`
}

function formatProcess({ name, pid, residentBytes, weightBytes }: DemoProcess): string[] {
  return [name, String(pid), formatSize(residentBytes), formatSize(weightBytes)]
}

function formatSize(bytes: number | null): string {
  return bytes === null ? '' : formatBytes(bytes)
}
