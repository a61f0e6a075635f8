/**
 * What `sputnik doctor` finds on a machine. Looks only: it changes nothing and judges nothing.
 */
import { fork } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, freemem, totalmem } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory } from '../base/cache.js'
import { fromPlain, type PlainError } from '../base/errors.js'
import type { Device } from '../native/devices.js'
import { installedBackends } from '../native/locate.js'
import type { Backend } from '../native/release.js'
import { DEFAULT_PORT } from './options.js'

/** What a probe sends to its parent. */
export type ProbeMessage =
  | { readonly kind: 'devices'; readonly devices: readonly Device[] }
  | { readonly kind: 'failed'; readonly error: PlainError }

export type Probe =
  | { readonly status: 'ok'; readonly devices: readonly Device[] }
  | { readonly status: 'failed'; readonly reason: string; readonly fix: string }

export type BackendFacts = { readonly backend: Backend; readonly probe: Probe }

export type MachineFacts = {
  readonly node: string
  readonly platform: string
  readonly arch: string
  /** Of Linux: the C library this Node runs with. */
  readonly libc: 'glibc' | 'other' | null
  readonly cores: number
  readonly totalBytes: number
  readonly freeBytes: number
  /** Installed native packages, most capable first. */
  readonly backends: readonly BackendFacts[]
  readonly hasNvidia: boolean
  /** A GPU or a driver that Vulkan may use. */
  readonly hasVulkan: boolean
  /** Of Linux: how network ports queue what is sent, unless told otherwise; null: not known. */
  readonly portQueue: string | null
  readonly port: { readonly number: number; readonly isFree: boolean }
  readonly cache: { readonly path: string; readonly isWritable: boolean }
}

const PROBE = fileURLToPath(new URL('./device-probe.js', import.meta.url))
/** See tc(8). */
const PORT_QUEUE = '/proc/sys/net/core/default_qdisc'
const PROBE_MS = 60_000
const REINSTALL = 'Run `npm ci` again; it brings the native packages of this platform.'

export async function gatherFacts(): Promise<MachineFacts> {
  const backends: BackendFacts[] = []
  // One after the other: two drivers that start at once may get in each other's way.
  for (const backend of installedBackends()) {
    backends.push({ backend, probe: await probeBackend(backend) })
  }
  const cache = cacheDirectory()
  return {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    libc: libcOf(process.platform),
    cores: availableParallelism(),
    totalBytes: totalmem(),
    freeBytes: freemem(),
    backends,
    hasNvidia: hasNvidia(),
    hasVulkan: hasVulkan(),
    portQueue: portQueue(),
    port: { number: DEFAULT_PORT, isFree: await isPortFree(DEFAULT_PORT) },
    cache: { path: cache, isWritable: canWrite(cache) },
  }
}

/** Loads a backend in a process of its own, which may crash or hang. */
export function probeBackend(backend: Backend, script = PROBE): Promise<Probe> {
  const child = fork(script, [backend], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), PROBE_MS)
  return new Promise((resolve) => {
    child.once('message', (message) => resolve(toProbe(message as ProbeMessage)))
    child.once('error', (error) => resolve(failed(error.message)))
    child.once('exit', (status, signal) => {
      clearTimeout(timer)
      resolve(failed(`the process that loaded it ended with ${signal ?? `status ${status}`}`))
    })
  })
}

function toProbe(message: ProbeMessage): Probe {
  if (message.kind === 'devices') return { status: 'ok', devices: message.devices }
  const error = fromPlain(message.error)
  if (error.code === 'INTERNAL') return failed(error.message.split('\n')[0] ?? '')
  return { status: 'failed', reason: error.message, fix: error.fix }
}

function failed(reason: string): Probe {
  return { status: 'failed', reason, fix: REINSTALL }
}

function libcOf(platform: string): MachineFacts['libc'] {
  if (platform !== 'linux') return null
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime === undefined ? 'other' : 'glibc'
}

function portQueue(): string | null {
  try {
    return readFileSync(PORT_QUEUE, 'utf8').trim()
  } catch {
    return null
  }
}

function hasNvidia(): boolean {
  if (process.platform === 'win32') return existsSync(inSystem32('nvcuda.dll'))
  return ['/dev/nvidia0', '/dev/nvidiactl', '/dev/dxg'].some(existsSync) || isOnPath('nvidia-smi')
}

function hasVulkan(): boolean {
  if (process.platform === 'win32') return existsSync(inSystem32('vulkan-1.dll'))
  return process.platform === 'linux' && existsSync('/dev/dri/renderD128')
}

function inSystem32(file: string): string {
  return join(process.env.SystemRoot ?? 'C:\\Windows', 'System32', file)
}

function isOnPath(program: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.some((folder) => existsSync(join(folder, program)))
}

function isPortFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Whether the folder, or the nearest one above it that exists, lets us write. */
function canWrite(path: string): boolean {
  if (!existsSync(path)) return dirname(path) !== path && canWrite(dirname(path))
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
