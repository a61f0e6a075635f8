import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isAlive } from '../../src/base/process-life.js'
import type { EngineCommand, EngineEvent } from '../../src/engine/protocol.js'
import { testModel } from '../support/models.js'
import { scratchDirectory } from '../support/scratch.js'
import { engineConfig, GREEDY, promptOf, textModel } from './support.js'

const ENGINE = fileURLToPath(new URL('../../src/engine/main.js', import.meta.url))
const DEADLINE_MS = 30_000

class TestProcess {
  readonly child: ChildProcess
  readonly events: EngineEvent[] = []
  readonly exited: Promise<unknown[]>

  constructor(modelPath: string, overrides: Parameters<typeof engineConfig>[1] = {}) {
    this.child = fork(ENGINE, [], { stdio: ['ignore', 2, 2, 'ipc'] })
    this.exited = once(this.child, 'exit')
    this.child.on('message', (event) => this.events.push(event as EngineEvent))
    this.send({ kind: 'start', config: engineConfig(modelPath, overrides) })
  }

  send(command: EngineCommand): void {
    this.child.send(command)
  }

  /** The first event that fits, also among those that came already. */
  async waitFor<K extends EngineEvent['kind']>(
    kind: K,
    fits: (event: Extract<EngineEvent, { kind: K }>) => boolean = () => true,
  ): Promise<Extract<EngineEvent, { kind: K }>> {
    for (let waitedMs = 0; waitedMs < DEADLINE_MS; waitedMs += 5) {
      for (const event of this.events) {
        const one = event as Extract<EngineEvent, { kind: K }>
        if (event.kind === kind && fits(one)) return one
      }
      await sleep(5)
    }
    throw new Error(`no event ${kind}: ${JSON.stringify(this.events).slice(0, 500)}`)
  }

  generate(id: number, length: number, maxTokens: number): void {
    const params = { ...GREEDY, maxTokens }
    this.send({ kind: 'generate', id, prompt: { tokens: promptOf(length, id) }, params })
  }

  tokensOf(id: number): number[] {
    return this.events.flatMap((event) =>
      event.kind === 'step'
        ? event.outputs.filter((output) => output.id === id).flatMap((output) => output.tokens)
        : [],
    )
  }
}

test('engine process answers, counts and ends when it is told to', async () => {
  const engine = new TestProcess(textModel(), { modelId: 'tiny' })
  const { model } = await engine.waitFor('ready')
  assert.equal(model.id, 'tiny')
  assert.equal(model.architecture, 'qwen3moe')
  assert.equal(model.hasVocab, true)
  assert.match(model.fingerprint, /^fp_[0-9a-f]{16}$/)
  assert.ok(engine.events.some((event) => event.kind === 'loading'))
  engine.generate(1, 20, 8)
  engine.generate(2, 70, 4)
  engine.send({ kind: 'tokenize', id: 3, text: 'Hi', addSpecial: false, parseSpecial: false })
  const finished = await engine.waitFor('finished', (event) => event.id === 2)
  assert.equal(finished.usage.promptTokens, 70)
  await engine.waitFor('finished', (event) => event.id === 1)
  assert.equal(engine.tokensOf(1).length, 8)
  assert.equal(engine.tokensOf(2).length, 4)
  const { tokens } = await engine.waitFor('tokens')
  engine.send({ kind: 'detokenize', id: 4, tokens })
  assert.equal((await engine.waitFor('text')).text, 'Hi')
  engine.send({ kind: 'stats', id: 5 })
  const { stats } = await engine.waitFor('stats')
  assert.equal(stats.generatedTokens, 12)
  assert.equal(stats.promptTokens, 90)
  assert.equal(stats.running + stats.waiting, 0)
  engine.send({ kind: 'shutdown' })
  assert.deepEqual(await engine.exited, [0, null])
})

test('engine process goes on after a bad request and after a cancelled one', async () => {
  const engine = new TestProcess(testModel('olmoe'), { contextLength: 4096, parallel: 1 })
  await engine.waitFor('ready')
  engine.generate(1, 10, 4000)
  await engine.waitFor('step')
  engine.send({ kind: 'generate', id: 2, prompt: { tokens: [9999] }, params: GREEDY })
  const { error } = await engine.waitFor('error')
  assert.equal(error.code, 'BAD_PARAM')
  engine.generate(3, 10, 5)
  engine.send({ kind: 'cancel', id: 1 })
  await engine.waitFor('finished', (event) => event.id === 3)
  assert.ok(engine.tokensOf(1).length < 4000)
  assert.ok(!engine.events.some((event) => event.kind === 'finished' && event.id === 1))
  engine.child.disconnect()
  assert.deepEqual(await engine.exited, [0, null])
})

test('engine process says why it cannot start and ends', async () => {
  const broken = join(scratchDirectory(), 'broken.gguf')
  writeFileSync(broken, 'GGUF but not really')
  for (const [path, overrides, code] of [
    ['/nowhere/model.gguf', {}, 'FILE_NOT_FOUND'],
    [broken, {}, 'GGUF_INVALID'],
    [testModel('olmoe'), { kvType: 'none' }, 'USAGE'],
  ] as const) {
    const engine = new TestProcess(path, overrides)
    assert.equal((await engine.waitFor('failed')).error.code, code)
    assert.deepEqual(await engine.exited, [1, null])
  }
})

test('engine process ends when its parent is killed', async () => {
  const config = JSON.stringify(engineConfig(testModel('olmoe'), { contextLength: 4096 }))
  const params = JSON.stringify({ ...GREEDY, maxTokens: 4000 })
  const script = `
    const { fork } = require('node:child_process')
    const engine = fork(${JSON.stringify(ENGINE)}, [], { execArgv: [] })
    engine.send({ kind: 'start', config: ${config} })
    engine.on('message', (event) => {
      if (event.kind !== 'ready') return
      engine.send({ kind: 'generate', id: 1, prompt: { tokens: [1, 2] }, params: ${params} })
      console.log(engine.pid)
    })`
  const parent = spawn(process.execPath, ['-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [chunk] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(chunk.toString())
  assert.ok(isAlive(pid))
  parent.kill('SIGKILL')
  for (let waitedMs = 0; isAlive(pid) && waitedMs < DEADLINE_MS; waitedMs += 20) await sleep(20)
  assert.ok(!isAlive(pid), 'the engine lives on')
})

test('engine process tells who holds the experts, and that there is no fleet to change', async () => {
  const engine = new TestProcess(testModel('olmoe'), { cards: 2 })
  await engine.waitFor('ready')
  engine.generate(1, 10, 2)
  await engine.waitFor('finished')
  engine.send({ kind: 'experts', id: 2 })
  const { experts } = await engine.waitFor('experts')
  assert.deepEqual(
    experts.domains.map(({ name }) => name),
    ['card 0', 'card 1'],
  )
  for (const { calls, holders, tiers } of experts.layers) {
    assert.ok(calls.some((count) => count > 0))
    assert.deepEqual(new Set(holders.flat()), new Set([0, 1]))
    assert.ok(tiers.every((tier) => tier === 'h'))
  }
  engine.send({ kind: 'fleet-change', id: 3, action: 'drain', node: '0' })
  assert.equal((await engine.waitFor('error')).error.code, 'FLEET_OFF')
  engine.send({ kind: 'shutdown' })
  assert.deepEqual(await engine.exited, [0, null])
})

test('engine process without cards has no experts to tell of', async () => {
  const engine = new TestProcess(testModel('olmoe'))
  await engine.waitFor('ready')
  engine.send({ kind: 'experts', id: 1 })
  assert.equal((await engine.waitFor('error')).error.code, 'FLEET_OFF')
  engine.send({ kind: 'shutdown' })
  await engine.exited
})
