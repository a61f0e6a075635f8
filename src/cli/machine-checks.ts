/**
 * Judges what was found on a machine: what works, what would help, what stops sputnik, each with
 * what to do. Pure; knows nothing of how the facts were found.
 */
import { formatBytes } from '../base/units.js'
import type { Device } from '../native/devices.js'
import { type Backend, packagesFor, RELEASE } from '../native/release.js'
import type { BackendFacts, MachineFacts } from './machine-facts.js'

export type Check = {
  readonly name: string
  /** A `problem` stops sputnik; a `hint` is something that could be better. */
  readonly status: 'ok' | 'hint' | 'problem'
  readonly text: string
  /** What to do about it. */
  readonly fix?: string
}

const NODE_MIN: readonly [major: number, minor: number] = [20, 19]
/** Queues of Linux in which flows take turns, so that a grant need not wait behind a dispatch. */
const FAIR_QUEUES: readonly string[] = ['fq_codel', 'fq', 'fq_pie', 'cake', 'sfq']
const GPU_TYPES: readonly Device['type'][] = ['gpu', 'igpu']

export function checkMachine(facts: MachineFacts): Check[] {
  return [
    checkNode(facts),
    checkPlatform(facts),
    { name: 'cores', status: 'ok', text: String(facts.cores) },
    { name: 'memory', status: 'ok', text: formatMemory(facts) },
    ...checkBackends(facts),
    ...suggestGpus(facts),
    checkCards(facts),
    checkPort(facts),
    ...checkPortQueue(facts),
    checkCache(facts),
  ]
}

export function canRun(checks: readonly Check[]): boolean {
  return checks.every((check) => check.status !== 'problem')
}

function checkNode({ node }: MachineFacts): Check {
  const [major = 0, minor = 0] = node.split('.').map(Number)
  const isOld = major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])
  if (!isOld) return { name: 'node', status: 'ok', text: node }
  const fix = `Install Node ${NODE_MIN.join('.')} or newer.`
  return { name: 'node', status: 'problem', text: `${node} is too old`, fix }
}

function checkPlatform({ platform, arch, libc }: MachineFacts): Check {
  const text = `${platform}-${arch}`
  if (packageFor('cpu', { platform, arch }) === undefined) {
    const fix = 'Use Linux or Windows on x64 or arm64, or macOS.'
    return { name: 'platform', status: 'problem', text: `no native library for ${text}`, fix }
  }
  if (libc === 'other') {
    const fix = 'Use a distribution with glibc; Alpine has another C library.'
    return { name: 'platform', status: 'problem', text: `${text} without glibc`, fix }
  }
  return { name: 'platform', status: 'ok', text }
}

function checkBackends(facts: MachineFacts): Check[] {
  if (facts.backends.length > 0) return facts.backends.map(checkBackend)
  const wanted = packageFor('cpu', facts)
  if (wanted === undefined) return []
  const fix = `Run \`npm ci\`, or \`${installCommand(wanted)}\`.`
  return [{ name: 'library', status: 'problem', text: 'no native library is installed', fix }]
}

function checkBackend({ backend, probe }: BackendFacts): Check {
  const name = `library ${backend}`
  if (probe.status === 'failed') {
    return { name, status: 'problem', text: probe.reason, fix: probe.fix }
  }
  const text = `llama.cpp ${RELEASE.llamaRelease}: ${probe.devices.map(formatDevice).join(', ')}`
  const hasGpu = probe.devices.some((device) => GPU_TYPES.includes(device.type))
  if (backend === 'cpu' || hasGpu) return { name, status: 'ok', text }
  return { name, status: 'hint', text: `${text}; no GPU`, fix: driverFix(backend) }
}

function driverFix(backend: Backend): string {
  if (backend === 'cuda') return 'Install the NVIDIA driver and the CUDA 13 runtime and cuBLAS.'
  if (backend === 'vulkan') return 'Install the Vulkan loader and the driver of the GPU.'
  return 'Metal needs a Mac with Apple silicon.'
}

/** GPU libraries that are not installed though this machine seems to have the GPU. */
function suggestGpus(facts: MachineFacts): Check[] {
  const installed = facts.backends.map(({ backend }) => backend)
  const isMissing = (backend: Backend): boolean => !installed.includes(backend)
  const suggested: Backend[] = []
  if (facts.hasNvidia && isMissing('cuda')) suggested.push('cuda')
  else if (facts.hasVulkan && !facts.hasNvidia && isMissing('vulkan')) suggested.push('vulkan')
  return suggested.flatMap((backend) => {
    const wanted = packageFor(backend, facts)
    return wanted === undefined ? [] : [suggestion(backend, wanted)]
  })
}

function suggestion(backend: Backend, wanted: string): Check {
  const text = 'this machine has a GPU, but its library is not installed'
  return { name: `library ${backend}`, status: 'hint', text, fix: `${installCommand(wanted)}` }
}

function checkCards({ platform }: MachineFacts): Check {
  if (platform !== 'win32') return { name: 'cards', status: 'ok', text: 'processes on this host' }
  const fix = 'Use `--cards 0`; the engine computes the experts then.'
  return { name: 'cards', status: 'hint', text: 'not on Windows yet', fix }
}

function checkPort({ port }: MachineFacts): Check {
  const text = `127.0.0.1:${port.number}`
  if (port.isFree) return { name: 'port', status: 'ok', text: `${text} is free` }
  const fix = 'Choose another with `sputnik serve --port`.'
  return { name: 'port', status: 'hint', text: `${text} is in use`, fix }
}

function checkPortQueue({ portQueue }: MachineFacts): Check[] {
  if (portQueue === null) return []
  const check = { name: 'network', text: `ports queue by ${portQueue}` }
  if (FAIR_QUEUES.includes(portQueue)) return [{ ...check, status: 'ok' }]
  const fix =
    'On the head of a fleet, `sysctl net.core.default_qdisc=fq_codel` before the port is up.'
  return [{ ...check, status: 'hint', fix }]
}

function checkCache({ cache }: MachineFacts): Check {
  if (cache.isWritable) return { name: 'cache', status: 'ok', text: cache.path }
  const fix = 'Set XDG_CACHE_HOME to a folder you may write to; the demo needs it.'
  return { name: 'cache', status: 'hint', text: `${cache.path} cannot be written`, fix }
}

type Machine = Pick<MachineFacts, 'platform' | 'arch'>

function packageFor(backend: Backend, { platform, arch }: Machine): string | undefined {
  const name = packagesFor(backend, platform, arch)[0]
  return name === undefined ? undefined : `${name}@${RELEASE.packageVersion}`
}

function installCommand(wanted: string): string {
  return `npm install --no-save ${wanted}`
}

function formatMemory({ totalBytes, freeBytes }: MachineFacts): string {
  return `${formatBytes(totalBytes)}, ${formatBytes(freeBytes)} free`
}

function formatDevice({ name, description, totalBytes }: Device): string {
  const memory = totalBytes > 0 ? `, ${formatBytes(totalBytes)}` : ''
  return `${name} (${description.trim()}${memory})`
}
