/**
 * `sputnik join`: makes this machine a domain of a head, until a signal. Starts the domain process
 * and keeps it running; knows nothing of what it does.
 */
import { existsSync } from 'node:fs'
import { availableParallelism, hostname } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { SputnikError } from '../base/errors.js'
import { LOG_LEVELS, type LogLevel } from '../base/log.js'
import type { DomainConfig, HeadConfig } from '../domain/protocol.js'
import { nodeNameOf } from '../fabric/handshake-messages.js'
import { loadIdentity } from '../fabric/identity.js'
import { parseJoinKey } from '../fabric/join-key.js'
import { type Address, formatAddress, readAddress } from './address.js'
import { DomainSupervisor } from './domain-supervisor.js'
import { createJoinReport, type JoinReport } from './join-report.js'
import { integer, option, parseMemory } from './options.js'
import { stopOnSignals } from './stop-signal.js'

type JoinOptions = {
  readonly key: readonly string[]
  readonly name: string
  readonly device: string
  readonly threads?: number
  readonly model?: string
  readonly search: boolean
  readonly source: readonly string[]
  readonly pageStore?: string
  readonly pageStoreSize?: number
  readonly memory?: number
  readonly backend: DomainConfig['backend']
  readonly plain: boolean
  readonly logLevel: LogLevel
  readonly domain: string
}

const DEVICES = /^[a-z][a-z0-9_]{0,31}(,[a-z][a-z0-9_]{0,31}){0,63}$/

export function joinCommand(): Command {
  return addSourceOptions(new Command('join'))
    .description('lend the cards of this machine to a head, or to several')
    .argument('<host:port...>', 'where each head listens for domains', collectAddress)
    .addOption(
      option(
        '--key <join key>',
        'as `sputnik token create` printed it; one for each head, in their order',
      )
        .argParser(collectKeys)
        .makeOptionMandatory(),
    )
    .addOption(
      option('--name <name>', 'what to call this machine')
        .argParser(parseName)
        .default(nodeNameOf(hostname())),
    )
    .addOption(
      option('--device <devices>', 'a card for each, separated by commas: cuda0,cuda1,cpu')
        .argParser(parseDevices)
        .default('cpu'),
    )
    .addOption(
      option(
        '--threads <n>',
        'threads of each card (default: all cores, shared out among the heads)',
      ).argParser(integer({ min: 1, max: 512 })),
    )
    .addOption(
      option(
        '--memory <size>',
        'most memory for pages, such as 8GiB; heads share it evenly (default: what is free)',
      ).argParser(parseMemory),
    )
    .addOption(
      option('--backend <name>', 'native library to load')
        .choices(['auto', 'cpu', 'cuda', 'vulkan', 'metal'])
        .default('auto'),
    )
    .addOption(
      option(
        '--plain',
        'the link is not encrypted, as the head must want it; loopback only',
      ).default(false),
    )
    .addOption(
      option('--log-level <level>', 'how much is logged on stderr')
        .choices([...LOG_LEVELS])
        .default('warn'),
    )
    .addOption(
      option('--domain <script>', 'another domain process, for tests')
        .default(fileURLToPath(new URL('../domain/main.js', import.meta.url)))
        .hideHelp(),
    )
    .action(join)
}

/** Where pages come from: this machine, other nodes, addresses, and at last the head. */
function addSourceOptions(command: Command): Command {
  return command
    .addOption(option('--model <path>', 'a copy of the model here; what it lacks is fetched'))
    .addOption(
      option('--no-search', 'do not look for a copy in the usual places when none is named'),
    )
    .addOption(
      option('--source <url>', 'http(s) address of the model to take pages from; may be repeated')
        .argParser(collectUrl)
        .default([], 'none'),
    )
    .addOption(
      option('--page-store <folder>', "where fetched pages are kept (default: the user's cache)"),
    )
    .addOption(
      option(
        '--page-store-size <size>',
        'most of the disk for them, such as 50GiB (default: half of what is free)',
      ).argParser(parseMemory),
    )
}

async function join(addresses: readonly Address[], options: JoinOptions): Promise<void> {
  const config = toConfig(addresses, options)
  const report = createJoinReport(config.heads.map(formatAddress))
  const supervisor = new DomainSupervisor({
    script: options.domain,
    config,
    onEvent: report.event,
    onRestart: report.restart,
  })
  const unhear = endOnSignals(supervisor, report)
  report.line(`${config.name} is ${config.identity.nodeId}`)
  try {
    await supervisor.run()
  } finally {
    unhear()
  }
}

function toConfig(addresses: readonly Address[], options: JoinOptions): DomainConfig {
  const heads = toHeads(addresses, options.key)
  const modelPath = checkModel(options.model)
  const { nodeId, keyPem, certificatePem } = loadIdentity()
  return {
    heads,
    identity: { nodeId, keyPem, certificatePem },
    name: options.name,
    device: options.device,
    threads: options.threads ?? Math.max(1, Math.floor(availableParallelism() / heads.length)),
    modelPath,
    search: options.search,
    sources: options.source,
    pageStore: {
      folder: options.pageStore === undefined ? null : resolve(options.pageStore),
      bytesMax: options.pageStoreSize ?? null,
    },
    memoryBytes: options.memory ?? null,
    backend: options.backend,
    logLevel: options.logLevel,
    plain: options.plain,
  }
}

function toHeads(addresses: readonly Address[], keys: readonly string[]): HeadConfig[] {
  const counts = `${addresses.length} and ${keys.length}`
  const heads = addresses.map(({ host, port }, at) => {
    const key = keys[at]
    if (key === undefined || keys.length > addresses.length) {
      throw new SputnikError('USAGE', `each head needs a --key of its own; there are ${counts}`)
    }
    const { pin, id, secret } = parseJoinKey(key)
    return { host, port, pin, key: { id, secret } }
  })
  // A machine may have many names, and its heads one key; they have ports of their own.
  const places = heads.map(({ pin, port }) => `${pin} ${port}`)
  if (hasTwice(addresses.map(formatAddress)) || hasTwice(places)) {
    throw new SputnikError('USAGE', 'a head is named twice')
  }
  return heads
}

function hasTwice(names: readonly string[]): boolean {
  return new Set(names).size < names.length
}

function checkModel(path: string | undefined): string | null {
  if (path === undefined) return null
  if (existsSync(path)) return resolve(path)
  throw new SputnikError('FILE_NOT_FOUND', `${path} does not exist`)
}

function endOnSignals(supervisor: DomainSupervisor, report: JoinReport): () => void {
  return stopOnSignals({
    stop: () => {
      report.line('leaving once its pages lie elsewhere; a second signal ends at once')
      supervisor.stop()
    },
    kill: () => supervisor.kill(),
  })
}

function collectAddress(text: string, previous: readonly Address[] | undefined): Address[] {
  return [...(previous ?? []), readAddress(text)]
}

/** The environment has all of them in one text. */
function collectKeys(text: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), ...text.trim().split(/[\s,]+/)]
}

function parseName(text: string): string {
  if (nodeNameOf(text) === text) return text
  throw new InvalidArgumentError('It must be at most 64 letters, digits, dots, - and _.')
}

function parseDevices(text: string): string {
  const devices = text.toLowerCase()
  if (DEVICES.test(devices)) return devices
  throw new InvalidArgumentError('It must be names of devices such as cpu or cuda0,cuda1,cpu.')
}

function collectUrl(text: string, previous: readonly string[]): string[] {
  const isHttp = URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)
  if (isHttp) return [...previous, text]
  throw new InvalidArgumentError('It must begin with http:// or https://.')
}
