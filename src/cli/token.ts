/**
 * `sputnik token`: the join keys of this machine's head. Works on the head's state folder, so the
 * head need not run.
 */
import { randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { SputnikError } from '../base/errors.js'
import { stateDirectory } from '../base/state.js'
import { formatTable } from '../base/table.js'
import { loadIdentity } from '../fabric/identity.js'
import { formatJoinKey } from '../fabric/join-key.js'
import { type JoinKeyEntry, JoinKeys, USES_MAX } from '../fabric/join-keys.js'
import { integer, option } from './options.js'

/** Where a head waits for domains unless told otherwise. */
export const FLEET_PORT = 10_458

type CreateOptions = {
  readonly ttl: number
  readonly uses: number
  readonly listen?: string
  readonly json: boolean
}

/** The output of `token create --json`. */
export type CreatedKey = {
  readonly id: string
  readonly key: string
  /** What to paste on the machine that joins. */
  readonly line: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  readonly uses: number
}

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const TTL_DEFAULT_MS = 24 * UNIT_MS.h
const TTL_MAX_MS = 366 * UNIT_MS.d

export function tokenCommand(): Command {
  return new Command('token')
    .description('make, list and revoke the keys with which machines join')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand())
}

function createCommand(): Command {
  return new Command('create')
    .description('make a join key and print the line to paste on the machine that joins')
    .addOption(
      option('--ttl <time>', 'how long it lasts: 90s, 30m, 24h, 7d')
        .argParser(parseDuration)
        .default(TTL_DEFAULT_MS, '24h'),
    )
    .addOption(
      option('--uses <n>', 'machines that may join with it')
        .argParser(integer({ min: 1, max: USES_MAX }))
        .default(1),
    )
    .addOption(
      option('--listen <host:port>', "the head's address as others reach it").argParser(
        parseAddress,
      ),
    )
    .option('--json', 'print one JSON object', false)
    .action((options: CreateOptions) => {
      const created = createKey(options)
      print(options.json ? JSON.stringify(created, null, 2) : created.line)
    })
}

function createKey({ ttl, uses, listen }: CreateOptions): CreatedKey {
  const folder = stateDirectory()
  const { pin } = loadIdentity(folder)
  const keys = openKeys()
  const made = keys.create({ pin, ttlMs: ttl, uses, random: randomBytes })
  const key = formatJoinKey(made)
  const line = `sputnik join ${listen ?? `${ownAddress()}:${FLEET_PORT}`} --key ${key}`
  const { expiresAt } = keys.check(made, '')
  return { id: made.id, key, line, expiresAt, uses }
}

function listCommand(): Command {
  return new Command('ls')
    .description('list the join keys; their secrets are not kept')
    .option('--json', 'print one JSON object', false)
    .action(({ json }: { readonly json: boolean }) => {
      const keys = openKeys().list()
      print(json ? JSON.stringify({ keys }, null, 2) : formatKeys(keys))
    })
}

function revokeCommand(): Command {
  return new Command('revoke')
    .description('make a join key worthless; nodes that joined with it stay')
    .argument('<id>', 'as `sputnik token ls` shows it')
    .action((id: string) => {
      if (openKeys().revoke(id)) return
      throw new SputnikError('JOIN_KEY_UNKNOWN', 'there is no join key of this id')
    })
}

function openKeys(): JoinKeys {
  return new JoinKeys(stateDirectory(), { now: Date.now })
}

function formatKeys(keys: readonly JoinKeyEntry[]): string {
  if (keys.length === 0) return 'no join keys'
  const rows = keys.map(({ id, state, uses, usesLeft, expiresAt }) => [
    id,
    state,
    `${usesLeft} of ${uses}`,
    new Date(expiresAt).toISOString(),
  ])
  return formatTable(['id', 'state', 'uses left', 'expires'], rows).join('\n')
}

/** Milliseconds of `90s`, `30m`, `24h` or `7d`. */
export function parseDuration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const ms = Number(digits) * (UNIT_MS[unit as keyof typeof UNIT_MS] ?? Number.NaN)
  if (ms > 0 && ms <= TTL_MAX_MS) return ms
  throw new InvalidArgumentError('It must be a time such as 90s, 30m, 24h or 7d, at most 366d.')
}

/** Checks `host:port`, `[v6]:port` or a host alone, which gets the usual port. */
export function parseAddress(text: string): string {
  const [, bracketed, host, digits] =
    /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const port = Number(digits ?? FLEET_PORT)
  const isHost = bracketed === undefined ? host !== undefined : isIPv6(bracketed)
  if (!isHost || port < 1 || port > 65_535) {
    throw new InvalidArgumentError('It must be host:port, with an IPv6 address in brackets.')
  }
  return `${bracketed === undefined ? host : `[${bracketed}]`}:${port}`
}

/** The first address that other machines may know this one by. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const outer = addresses.filter(({ internal, family }) => !internal && family === 'IPv4')
  return outer[0]?.address ?? '127.0.0.1'
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
