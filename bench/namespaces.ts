/**
 * A small network of its own on this machine: hosts as network namespaces on one switch, where the
 * port of the first host has a rate and a shallow buffer. Linux with iproute2, as root. Nothing in it
 * is connected to anything outside. Knows nothing of what runs there.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export type StarOptions = {
  readonly hosts: number
  /** Of the port towards the first host. */
  readonly bitsPerSecond: number
  readonly bufferBytes: number
  /** Of TCP, in every host. */
  readonly congestionControl: string
}

/** Of all hosts together. */
export type Losses = {
  /** Packets that the buffer of the port had no room for. */
  readonly dropped: number
  /** By TCP. */
  readonly retransmitted: number
  readonly timeouts: number
}

export type Star = {
  /** IPv4, by number of the host. */
  readonly address: (host: number) => string
  /** The file of its namespace. */
  readonly namespace: (host: number) => string
  /** The command that runs another one there. */
  readonly inHost: (host: number, command: readonly string[]) => string[]
  /** So far. */
  readonly losses: () => Losses
  readonly close: () => void
}

const NETWORK = '10.213.7'
/** Where iproute2 keeps them, see ip-netns(8). */
const NAMESPACES = '/var/run/netns'
const COMMAND_MS = 10_000
/**
 * What the port may send at once: what goes within 130 us, since that late a timer of a busy
 * machine may be, and a real port never is.
 */
const BURST_BYTES = 16_384

/** Why no star can be made here; undefined when one can. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux'
  if (process.getuid?.() !== 0) return 'only root may make network namespaces'
  for (const tool of ['ip', 'tc', 'nstat']) {
    if (!hasTool(tool)) return `${tool} of iproute2 is missing`
  }
  const name = `sputnik-${process.pid}-try`
  const { status, stderr } = call(['ip', 'netns', 'add', name])
  if (status !== 0) return `no network namespace can be made: ${stderr.trim()}`
  call(['ip', 'netns', 'delete', name])
  return undefined
}

/** Of a small switch, with the TCP that Linux comes with. */
export const SHALLOW_PORT = {
  bitsPerSecond: 1e9,
  bufferBytes: 100_000,
  congestionControl: 'cubic',
} as const

export const NO_LOSSES: Losses = { dropped: 0, retransmitted: 0, timeouts: 0 }

export function addLosses(a: Losses, b: Losses): Losses {
  return {
    dropped: a.dropped + b.dropped,
    retransmitted: a.retransmitted + b.retransmitted,
    timeouts: a.timeouts + b.timeouts,
  }
}

/** What was lost meanwhile. */
export async function lossesDuring<T>(
  star: Star,
  act: () => Promise<T>,
): Promise<{ readonly done: T; readonly losses: Losses }> {
  const before = star.losses()
  const done = await act()
  const after = star.losses()
  const losses = {
    dropped: after.dropped - before.dropped,
    retransmitted: after.retransmitted - before.retransmitted,
    timeouts: after.timeouts - before.timeouts,
  }
  return { done, losses }
}

export function openStar(options: StarOptions): Star {
  const prefix = `sputnik-${process.pid}`
  const hosts = Array.from({ length: options.hosts }, (_, host) => `${prefix}-${host}`)
  const hub = `${prefix}-hub`
  const close = (): void => {
    process.off('exit', close)
    for (const name of [...hosts, hub]) call(['ip', 'netns', 'delete', name])
  }
  process.once('exit', close)
  try {
    makeHub(hub)
    hosts.forEach((name, host) => {
      makeHost({ name, hub, host, congestionControl: options.congestionControl })
    })
    shape(hub, options)
  } catch (error) {
    close()
    throw error
  }
  return {
    address,
    namespace: (host) => join(NAMESPACES, hosts[host] ?? hub),
    inHost: (host, command) => insideCommand(hosts[host] ?? hub, command),
    losses: () => hosts.map(tcpLosses).reduce(addLosses, { ...NO_LOSSES, dropped: droppedAt(hub) }),
    close,
  }
}

function address(host: number): string {
  return `${NETWORK}.${host + 1}`
}

function makeHub(hub: string): void {
  need(['ip', 'netns', 'add', hub])
  inside(hub, ['ip', 'link', 'add', 'bridge', 'type', 'bridge'])
  inside(hub, ['ip', 'link', 'set', 'bridge', 'up'])
}

type Host = {
  readonly name: string
  readonly hub: string
  readonly host: number
  readonly congestionControl: string
}

function makeHost({ name, hub, host, congestionControl }: Host): void {
  need(['ip', 'netns', 'add', name])
  const port = `port${host}`
  inside(hub, ['ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name])
  inside(hub, ['ip', 'link', 'set', port, 'master', 'bridge', 'up'])
  inside(name, ['ip', 'address', 'add', `${address(host)}/24`, 'dev', 'eth0'])
  inside(name, ['ip', 'link', 'set', 'eth0', 'up'])
  inside(name, ['ip', 'link', 'set', 'lo', 'up'])
  const route = ['ip', 'route', 'replace', `${NETWORK}.0/24`, 'dev', 'eth0']
  inside(name, [...route, 'congctl', congestionControl])
  // As network cards do: packets of one stream that follow each other are received as one.
  if (hasTool('ethtool')) inside(name, ['ethtool', '-K', 'eth0', 'gro', 'on'])
}

function shape(hub: string, { bitsPerSecond, bufferBytes }: StarOptions): void {
  const rate = `${bitsPerSecond}bit`
  const limits = ['rate', rate, 'burst', `${BURST_BYTES}`, 'limit', `${bufferBytes}`]
  inside(hub, ['tc', 'qdisc', 'add', 'dev', 'port0', 'root', 'tbf', ...limits])
}

function tcpLosses(name: string): Losses {
  const text = inside(name, ['nstat', '-asz', 'TcpRetransSegs', 'TcpExtTCPTimeouts'])
  const read = (counter: string): number => {
    const value = new RegExp(`^${counter}\\s+(\\d+)`, 'm').exec(text)?.[1]
    return Number(value ?? 0)
  }
  return {
    dropped: 0,
    retransmitted: read('TcpRetransSegs'),
    timeouts: read('TcpExtTCPTimeouts'),
  }
}

function droppedAt(hub: string): number {
  const text = inside(hub, ['tc', '-s', 'qdisc', 'show', 'dev', 'port0'])
  return Number(/dropped (\d+)/.exec(text)?.[1] ?? 0)
}

function inside(name: string, command: readonly string[]): string {
  return need(insideCommand(name, command))
}

function insideCommand(name: string, command: readonly string[]): string[] {
  return ['ip', 'netns', 'exec', name, ...command]
}

function need(command: readonly string[]): string {
  const { status, stdout, stderr } = call(command)
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr.trim()}`)
  return stdout
}

function call([command = '', ...args]: readonly string[]) {
  return spawnSync(command, args, { encoding: 'utf8', timeout: COMMAND_MS })
}

function hasTool(name: string): boolean {
  const folders = (process.env.PATH ?? '').split(':')
  return folders.some((folder) => existsSync(`${folder}/${name}`))
}
