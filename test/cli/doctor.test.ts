import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Diagnosis, formatChecks } from '../../src/cli/doctor.js'
import { type Check, canRun, checkMachine } from '../../src/cli/machine-checks.js'
import { type MachineFacts, probeBackend } from '../../src/cli/machine-facts.js'
import type { Device } from '../../src/native/devices.js'
import { RELEASE } from '../../src/native/release.js'
import { scratchDirectory } from '../support/scratch.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

const CPU: Device = {
  name: 'CPU',
  description: 'A processor',
  type: 'cpu',
  freeBytes: 1,
  totalBytes: 2 ** 34,
}

const GOOD: MachineFacts = {
  node: '20.19.0',
  platform: 'linux',
  arch: 'x64',
  libc: 'glibc',
  cores: 2,
  totalBytes: 2 ** 34,
  freeBytes: 2 ** 33,
  backends: [{ backend: 'cpu', probe: { status: 'ok', devices: [CPU] } }],
  hasNvidia: false,
  hasVulkan: false,
  portQueue: 'fq_codel',
  port: { number: 10_457, isFree: true },
  cache: { path: '/cache', isWritable: true },
}

function check(name: string, change: Partial<MachineFacts>): Check {
  const found = checkMachine({ ...GOOD, ...change }).find((entry) => entry.name === name)
  assert.ok(found !== undefined, `no check named ${name}`)
  return found
}

test('checkMachine has nothing to say about a good machine', () => {
  const checks = checkMachine(GOOD)
  assert.ok(canRun(checks))
  assert.ok(checks.every((entry) => entry.status === 'ok' && entry.fix === undefined))
})

const broken = { status: 'failed', reason: 'it ended with SIGSEGV', fix: 'Run again.' } as const

const problems: ReadonlyArray<readonly [string, Partial<MachineFacts>, RegExp]> = [
  ['node', { node: '20.18.9' }, /Install Node 20\.19/],
  ['node', { node: '18.20.0' }, /Install Node 20\.19/],
  ['platform', { platform: 'sunos' }, /Use Linux or Windows/],
  ['platform', { libc: 'other' }, /glibc/],
  ['library', { backends: [] }, /npm ci.*@node-llama-cpp\/linux-x64@/],
  ['library cpu', { backends: [{ backend: 'cpu', probe: broken }] }, /Run again/],
]

for (const [name, change, fix] of problems) {
  test(`checkMachine says how to mend ${name} with ${JSON.stringify(change)}`, () => {
    const found = check(name, change)
    assert.equal(found.status, 'problem')
    assert.match(found.fix ?? '', fix)
    assert.ok(!canRun([found]))
  })
}

const withCuda: MachineFacts['backends'] = [
  { backend: 'cuda', probe: { status: 'ok', devices: [CPU] } },
  ...GOOD.backends,
]

const hints: ReadonlyArray<readonly [string, Partial<MachineFacts>, RegExp]> = [
  ['library cuda', { hasNvidia: true }, /npm install --no-save @node-llama-cpp\/linux-x64-cuda@/],
  ['library vulkan', { hasVulkan: true }, /--no-save @node-llama-cpp\/linux-x64-vulkan@/],
  ['library cuda', { backends: withCuda }, /NVIDIA driver/],
  ['cards', { platform: 'win32', libc: null }, /--cards 0/],
  ['port', { port: { number: 10_457, isFree: false } }, /--port/],
  ['network', { portQueue: 'pfifo_fast' }, /fq_codel/],
  ['cache', { cache: { path: '/cache', isWritable: false } }, /XDG_CACHE_HOME/],
]

for (const [name, change, fix] of hints) {
  test(`checkMachine hints at ${name} with ${JSON.stringify(change).slice(0, 60)}`, () => {
    const found = check(name, change)
    assert.equal(found.status, 'hint')
    assert.match(found.fix ?? '', fix)
    assert.ok(canRun([found]))
  })
}

test('checkMachine suggests no GPU library that is installed or does not exist', () => {
  const names = (change: Partial<MachineFacts>): string[] =>
    checkMachine({ ...GOOD, ...change }).map((entry) => entry.name)
  assert.equal(names({ backends: withCuda, hasNvidia: true }).filter(isCuda).length, 1)
  assert.equal(names({ arch: 'arm64', hasNvidia: true }).filter(isCuda).length, 0)
})

function isCuda(name: string): boolean {
  return name === 'library cuda'
}

test('formatChecks puts what to do below what is wrong', () => {
  const text = formatChecks([
    { name: 'node', status: 'ok', text: '20' },
    { name: 'port', status: 'problem', text: 'in use', fix: 'Stop it.' },
  ])
  assert.equal(text, 'ok       node  20\nPROBLEM  port  in use\n               -> Stop it.\n')
})

test('probeBackend reports a crash and a missing package as findings', async () => {
  const folder = scratchDirectory()
  const crash = join(folder, 'crash.mjs')
  writeFileSync(crash, "process.kill(process.pid, 'SIGSEGV')")
  const crashed = await probeBackend('cpu', crash)
  assert.equal(crashed.status, 'failed')
  assert.match(crashed.status === 'failed' ? crashed.reason : '', /SIGSEGV/)
  const elsewhere = await probeBackend(process.platform === 'darwin' ? 'cuda' : 'metal')
  assert.match(elsewhere.status === 'failed' ? elsewhere.reason : '', /no \w+ library exists/)
})

test('doctor finds this machine fit and lists its devices', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'doctor', '--json'])
  assert.equal(status, 0, String(stderr))
  const { ok, checks, facts } = JSON.parse(String(stdout)) as Diagnosis
  assert.ok(ok)
  assert.ok(checks.some((entry) => entry.text.includes(RELEASE.llamaRelease)))
  const devices = facts.backends.flatMap(({ probe }) =>
    probe.status === 'ok' ? probe.devices : [],
  )
  const cpu = devices.find((device) => device.type === 'cpu')
  assert.ok(cpu !== undefined && cpu.totalBytes > 2 ** 28, JSON.stringify(devices))
})
