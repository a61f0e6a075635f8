import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { checkFields } from '../../src/sim/experiment/fields.js'
import { makeExperiment } from '../../src/sim/experiment/make-experiment.js'
import { moeTraffic } from '../../src/sim/experiment/moe-traffic.js'
import { MAIN } from './sim-network-command.js'

function step(...args: readonly string[]) {
  const all = [MAIN, 'sim', 'step', ...args]
  const { stdout, stderr, status } = spawnSync(process.execPath, all)
  return { out: String(stdout), err: String(stderr), status }
}

type Result = {
  readonly copyPer: string
  readonly layers: number
  readonly copiesPerToken: number
  readonly combineBytes: number
  readonly seconds: number
  readonly networkS: number
  readonly packets?: { readonly dropped: number }
}

function results(...args: readonly string[]): readonly Result[] {
  const { out, err, status } = step(...args, '--json')
  assert.equal(status, 0, err)
  return (JSON.parse(out) as { results: readonly Result[] }).results
}

const SMALL = ['qwen3-30b-a3b', '--domains', '4', '--cards', '1', '--tokens', '8'] as const

test('both ways of copying are told, with bytes that follow from copies', () => {
  const [domain, expert] = results(...SMALL, '--network', 'flows')
  assert.ok(domain !== undefined && expert !== undefined)
  assert.equal(expert.copiesPerToken, 8)
  assert.ok(domain.copiesPerToken > 3 && domain.copiesPerToken <= 4)
  for (const { copiesPerToken, combineBytes, layers } of [domain, expert]) {
    const rows = copiesPerToken * 8 * layers
    const headers = combineBytes - rows * 2048 * 2
    assert.ok(headers >= 0 && headers <= 4 * layers * 20, `${headers} bytes around the rows`)
  }
  assert.ok(domain.seconds < expert.seconds)
  assert.ok(domain.networkS < domain.seconds)
})

test('packets with credits take somewhat longer than flows, and none is lost', () => {
  const [flows] = results(...SMALL, '--network', 'flows', '--copies', 'domain')
  const [packets] = results(...SMALL, '--network', 'credits', '--copies', 'domain')
  assert.equal(packets?.packets?.dropped, 0)
  const ratio = (packets?.seconds ?? 0) / (flows?.seconds ?? 1)
  assert.ok(ratio > 1 && ratio < 1.5, `${ratio}`)
})

test('all send to all where the domains have the tokens', () => {
  const all = [...SMALL, '--layout', 'whole', '--copies', 'domain', '--network', 'ndp']
  const [whole] = results(...all)
  assert.ok((whole?.seconds ?? 0) > 0)
  assert.match(step(...all).out, /^copies of a token +3\.\d\d$/m)
})

/** Of all layers, as `sim network` has it: the longest computation of each. */
function experimentComputeS(card: string): number {
  const given = { hosts: 5, cards: 1, tokens: 8, card, workload: 'moe:qwen3-30b-a3b' }
  const experiment = makeExperiment(checkFields(given, 'test'), 'ndp')
  const { workload } = experiment
  assert.ok(workload.kind === 'moe')
  const nextRound = moeTraffic(workload, experiment)
  return Array.from({ length: workload.shape.moeLayers }, nextRound).reduce(
    (sum, { answers }) => sum + Math.max(...answers.map(({ afterS }) => afterS)),
    0,
  )
}

test('a card computes as fast as in sim network, whoever made it and whatever for', () => {
  for (const card of ['mi300x', 'rx-7900-xtx', 'm3-ultra', 'h100-sxm']) {
    const flows = ['--network', 'flows', '--copies', 'domain'] as const
    const [found] = results(...SMALL, ...flows, '--card', card)
    const computeS = (found?.seconds ?? 0) - (found?.networkS ?? 0)
    const expected = experimentComputeS(card)
    assert.ok(Math.abs(computeS / expected - 1) < 1e-9, `${card}: ${computeS} of ${expected}`)
  }
})

test('what cannot be is refused with its name', () => {
  const full = step('deepseek-v3', '--domains', '1', '--network', 'flows')
  assert.equal(full.status, 6)
  assert.match(full.err, /PLACEMENT_FULL/)
  const card = step(...SMALL.slice(0, 1), '--card', 'rtx-9999')
  assert.notEqual(card.status, 0)
  assert.match(card.err, /rtx-9999/)
  assert.match(step(...SMALL, '--popularity', 'odd').err, /popularity.*uniform or zipf/s)
  assert.match(step(...SMALL, '--rate', '25').err, /rate/)
  assert.match(step(...SMALL, '--network', 'pigeon').err, /credits/)
})
