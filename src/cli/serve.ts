/**
 * `sputnik serve`: the HTTP API in front of an engine, until a signal. Knows nothing of requests.
 */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { reasonOf, SputnikError } from '../base/errors.js'
import { createLogger, type Logger } from '../base/log.js'
import type { EngineConfig, ModelInfo } from '../engine/protocol.js'
import { PAGES_MS } from '../fleet/limits.js'
import { EngineClient } from '../server/engine-client.js'
import { HttpServer } from '../server/http-server.js'
import { DRAIN_MS } from '../server/limits.js'
import { isLoopback } from '../server/origin.js'
import { parseListenAddress } from './address.js'
import { bundledModel, MODEL_HELP } from './bundled-model.js'
import {
  addEngineOptions,
  collectText,
  DEFAULT_PORT,
  type EngineOptions,
  integer,
  modelIdOf,
  option,
  parseMemory,
  toEngineConfig,
} from './options.js'
import { createProgress, type Progress } from './report.js'
import { stopOnSignals } from './stop-signal.js'
import { FLEET_PORT } from './token.js'

type ServeOptions = EngineOptions & {
  readonly host: string
  readonly port: number
  readonly apiKey?: readonly string[]
  readonly apiKeyFile?: string
  readonly maxQueue?: number
  readonly drain: number
  readonly fleetListen?: string
  readonly fleetPlain: boolean
  readonly replicas: number
  readonly pagesWait: number
  readonly cardMemory?: number
}

export function serveCommand(): Command {
  const command = new Command('serve')
    .description('serve a model over an OpenAI-compatible HTTP API')
    .argument('[model]', MODEL_HELP)
    .addOption(option('--host <address>', 'address to listen on').default('127.0.0.1'))
    .addOption(
      option('--port <n>', 'port to listen on; 0 lets the system choose')
        .argParser(integer({ min: 0, max: 65_535 }))
        .default(DEFAULT_PORT),
    )
    .addOption(
      option('--api-key <key>', 'key clients must send; repeat it for several').argParser(
        collectText,
      ),
    )
    .addOption(option('--api-key-file <path>', 'file with one key per line'))
    .addOption(
      option(
        '--max-queue <n>',
        'sequences that may wait (default: four for each that runs)',
      ).argParser(integer({ min: 0, max: 100_000 })),
    )
    .addOption(
      option(
        '--fleet-listen <host:port>',
        `where machines may join with their cards; port ${FLEET_PORT} when only a host is given`,
      ).argParser(parseListenAddress),
    )
    .addOption(
      option(
        '--fleet-plain',
        'links to machines that join are not encrypted; loopback only',
      ).default(false),
    )
    .addOption(
      option('--replicas <n>', 'machines that hold each expert, as far as they have room')
        .argParser(integer({ min: 1, max: 8 }))
        .default(1),
    )
    .addOption(
      option('--pages-wait <seconds>', 'how long requests wait for experts that no machine holds')
        .argParser(integer({ min: 0, max: 3600 }))
        .default(PAGES_MS / 1000),
    )
    .addOption(
      option(
        '--card-memory <size>',
        'most memory for the experts of each card of this machine, such as 8GiB (default: all of them)',
      ).argParser(parseMemory),
    )
    .addOption(
      option('--drain <seconds>', 'time for running requests after SIGTERM')
        .argParser(integer({ min: 0, max: 86_400 }))
        .default(DRAIN_MS / 1000),
    )
  return addEngineOptions(command, { parallel: 4, logLevel: 'info' }).action(serve)
}

async function serve(given: string | undefined, options: ServeOptions): Promise<void> {
  const modelPath = given ?? bundledModel()
  const log = createLogger({ level: options.logLevel, part: 'server' })
  const progress = createProgress()
  const apiKeys = readKeys(options)
  const engine = createEngine(modelPath, options, { log, progress })
  const server = new HttpServer({
    engine,
    host: options.host,
    port: options.port,
    apiKeys,
    modelId: options.modelId ?? modelIdOf(modelPath),
    parallel: options.parallel,
    log,
    ...(options.maxQueue === undefined ? {} : { maxQueue: options.maxQueue }),
  })
  // The port is taken before minutes of loading, not after.
  const url = await server.listen()
  const running = { engine, server, log, drainMs: options.drain * 1000 }
  stopOnSignals({
    stop: (signal) => void stop(running, signal),
    kill: () => engine.kill(),
  })
  try {
    const model = await engine.start()
    await server.useModel(model)
    progress.end()
    announce(url, model, apiKeys.length > 0)
  } catch (error) {
    progress.end()
    engine.kill()
    await server.close(0)
    throw error
  }
}

type EngineHelpers = { readonly log: Logger; readonly progress: Progress }

function createEngine(
  modelPath: string,
  options: ServeOptions,
  { log, progress }: EngineHelpers,
): EngineClient {
  return new EngineClient({
    config: engineConfigOf(modelPath, options),
    enginePath: options.engine,
    log,
    onProgress: progress.update,
    onState: (state) => log.debug('engine state', { state }),
  })
}

function engineConfigOf(modelPath: string, options: ServeOptions): EngineConfig {
  const { fleetListen, fleetPlain, replicas, pagesWait, cardMemory } = options
  const pagesMs = pagesWait * 1000
  return {
    ...toEngineConfig(modelPath, options),
    ...(fleetListen !== undefined && { fleetListen, fleetPlain, replicas, pagesMs }),
    ...(cardMemory !== undefined && { cardMemory }),
  }
}

function announce(url: string, model: ModelInfo, hasKeys: boolean): void {
  const { hostname } = new URL(url)
  const reachable = isLoopback(hostname) ? url : url.replace(/0\.0\.0\.0|\[::\]/, 'localhost')
  const key = hasKeys ? '<your key>' : 'none'
  process.stderr.write(
    `${model.id} is ready at ${reachable}\n` +
      `  export OPENAI_BASE_URL=${reachable}/v1 OPENAI_API_KEY=${key}\n`,
  )
}

type Running = {
  readonly engine: EngineClient
  readonly server: HttpServer
  readonly log: Logger
  readonly drainMs: number
}

async function stop({ engine, server, log, drainMs }: Running, signal: string): Promise<void> {
  log.info('stopping; a second signal ends at once', { signal })
  const isLoading = engine.state === 'loading'
  await server.close(drainMs)
  if (isLoading) engine.kill()
  else await engine.stop()
  process.exit(0)
}

/** Keys of the command line or the environment, and of the file. */
function readKeys(options: ServeOptions): readonly string[] {
  const keys = [...(options.apiKey ?? []), ...readKeyFile(options.apiKeyFile)]
  for (const key of keys) {
    if (/^\S+$/.test(key)) continue
    throw new SputnikError('USAGE', 'an API key must not be empty and must not contain spaces')
  }
  return keys
}

function readKeyFile(path: string | undefined): readonly string[] {
  if (path === undefined) return []
  const keys = readText(path)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (keys.length === 0) throw new SputnikError('USAGE', `${path} holds no API key`)
  return keys
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SputnikError('USAGE', `the key file cannot be read: ${reasonOf(cause)}`, {}, cause)
  }
}
