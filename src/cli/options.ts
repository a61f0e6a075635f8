/**
 * Options that several commands share, each with its range and its environment twin. Knows
 * nothing of what the commands do.
 */
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { SputnikError } from '../base/errors.js'
import { LOG_LEVELS, type LogLevel } from '../base/log.js'
import { parseBytes } from '../base/units.js'
import { defaultWire, type EngineConfig } from '../engine/protocol.js'
import { type Bounds, type DimensionName, parseWithin } from '../plan/quantity.js'

/** Where the API listens unless told otherwise. */
export const DEFAULT_PORT = 10_457

/** What options say together that cannot be. */
export function usage(text: string): SputnikError {
  return new SputnikError('USAGE', text)
}

type Range = { readonly min: number; readonly max: number }

/** Parses an integer within `range`; commander prints the message it throws. */
export function integer({ min, max }: Range): (text: string) => number {
  return (text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`)
  }
}

export function decimal({ min, max }: Range): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`)
  }
}

/** Parses a number with its unit into SI units. */
export function quantityOf(name: DimensionName, bounds: Bounds = {}): (text: string) => number {
  return (text) => {
    const parsed = parseWithin(name, text, bounds)
    if ('problem' in parsed) throw new InvalidArgumentError(`It ${parsed.problem}.`)
    return parsed.value
  }
}

export function parseMemory(text: string): number {
  const bytes = parseBytes(text)
  if (bytes !== undefined && bytes > 0) return bytes
  throw new InvalidArgumentError('It must be a size such as 8GiB or 512MiB.')
}

export function collectText(text: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), text]
}

/** An option with its environment twin: `--card-threads` is SPUTNIK_CARD_THREADS too. */
export function option(flags: string, description: string): Option {
  const made = new Option(flags, description)
  return made.env(`SPUTNIK_${made.name().replaceAll('-', '_').toUpperCase()}`)
}

export type EngineOptions = {
  readonly cards: number
  readonly threads?: number
  readonly cardThreads?: number
  readonly ctx: number
  readonly parallel: number
  readonly batch: number
  readonly kvType: string
  readonly flashAttn: EngineConfig['flashAttention']
  readonly wire: EngineConfig['wire']
  readonly exact: boolean
  readonly backend: EngineConfig['backend']
  readonly gpuLayers: number
  readonly modelId?: string
  readonly logLevel: LogLevel
  readonly engine: string
}

const COUNT_MAX = 2 ** 31 - 1
const KV_TYPES = ['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl']

export type EngineOptionDefaults = {
  readonly parallel: number
  readonly logLevel: LogLevel
  readonly cards?: number
  readonly threads?: number
}

/** Everything that decides how the engine runs. */
export function addEngineOptions(command: Command, defaults: EngineOptionDefaults): Command {
  return addWireOptions(command)
    .addOption(
      option('--cards <n>', 'card processes that hold the experts; 0 computes them in the engine')
        .argParser(integer({ min: 0, max: 256 }))
        .default(defaults.cards ?? 0),
    )
    .addOption(
      withDefault(
        option(
          '--threads <n>',
          'threads of the head (default: all cores, with cards half of them)',
        ),
        defaults.threads,
      ).argParser(integer({ min: 1, max: 512 })),
    )
    .addOption(
      option(
        '--card-threads <n>',
        'threads of each card (default: the other half of the cores, shared out)',
      ).argParser(integer({ min: 1, max: 512 })),
    )
    .addOption(
      option('--ctx <n>', 'most tokens of one sequence; 0 is what the model was trained for')
        .argParser(integer({ min: 0, max: COUNT_MAX }))
        .default(0),
    )
    .addOption(
      option('--parallel <n>', 'sequences that run at the same time')
        .argParser(integer({ min: 1, max: 256 }))
        .default(defaults.parallel),
    )
    .addOption(
      option('--batch <n>', 'most tokens of one step')
        .argParser(integer({ min: 1, max: 65_536 }))
        .default(512),
    )
    .addOption(option('--kv-type <type>', 'type of the KV cache').choices(KV_TYPES).default('f16'))
    .addOption(
      option('--flash-attn <mode>', 'fused attention')
        .choices(['auto', 'on', 'off'])
        .default('auto'),
    )
    .addOption(
      option('--backend <name>', 'native library to load')
        .choices(['auto', 'cpu', 'cuda', 'vulkan', 'metal'])
        .default('auto'),
    )
    .addOption(
      option('--gpu-layers <n>', 'trunk layers on the GPU; -1 is all')
        .argParser(integer({ min: -1, max: 10_000 }))
        .default(-1),
    )
    .addOption(option('--model-id <name>', 'name for /v1/models (default: the file name)'))
    .addOption(
      option('--log-level <level>', 'how much is logged on stderr')
        .choices([...LOG_LEVELS])
        .default(defaults.logLevel),
    )
    .addOption(
      option('--engine <script>', 'another engine process, for tests')
        .default(fileURLToPath(new URL('../engine/main.js', import.meta.url)))
        .hideHelp(),
    )
}

/** How head and cards exchange activations. */
function addWireOptions(command: Command): Command {
  return command
    .addOption(
      option('--wire <type>', 'encoding of activations between head and cards')
        .choices(['f32', 'bf16', 'q8_0'])
        .default(defaultWire),
    )
    .addOption(
      option(
        '--exact',
        'cards send each expert by itself: the same bits with any number of cards',
      ).default(false),
    )
}

export function toEngineConfig(modelPath: string, options: EngineOptions): EngineConfig {
  const { cards, modelId } = options
  const { threads, cardThreads } = shareThreads(options, availableParallelism())
  return {
    modelPath,
    modelId: modelId ?? modelIdOf(modelPath),
    cards,
    threads,
    cardThreads,
    contextLength: options.ctx,
    parallel: options.parallel,
    batch: options.batch,
    kvType: options.kvType,
    flashAttention: options.flashAttn,
    wire: options.wire,
    exact: options.exact,
    backend: options.backend,
    gpuLayers: options.gpuLayers,
    logLevel: options.logLevel,
  }
}

/**
 * Waiting threads look for work rather than sleep, so head and cards must not share cores (measured
 * on two cores with three cards: 2 threads of the head decode at a third of the speed of 1).
 */
export function shareThreads(
  { cards, threads, cardThreads }: Pick<EngineOptions, 'cards' | 'threads' | 'cardThreads'>,
  cores: number,
): { threads: number; cardThreads: number } {
  const ofHead = threads ?? (cards === 0 ? cores : Math.max(1, Math.ceil(cores / 2)))
  const left = Math.max(1, cores - ofHead)
  return {
    threads: ofHead,
    cardThreads: cardThreads ?? Math.max(1, Math.floor(left / Math.max(1, cards))),
  }
}

function withDefault(made: Option, value: number | undefined): Option {
  return value === undefined ? made : made.default(value)
}

/** The file name without `.gguf` and without the number of a split. */
export function modelIdOf(modelPath: string): string {
  return basename(modelPath)
    .replace(/\.gguf$/i, '')
    .replace(/-\d{5}-of-\d{5}$/, '')
}
