/**
 * Entry of the engine process: commands come in and events go out over node's IPC, and steps run in
 * between. Ends with its parent. Knows nothing of how a step works.
 */
import { randomInt } from 'node:crypto'
import { toPlain } from '../base/errors.js'
import { createLogger, type Logger } from '../base/log.js'
import { openGguf } from '../gguf/reader.js'
import { loadLibraries } from '../native/library.js'
import { recordNativeLog } from '../native/native-log.js'
import { Engine } from './engine.js'
import { openExperts } from './experts.js'
import { modelInfo } from './model-info.js'
import type { EngineCommand, EngineConfig, EngineEvent } from './protocol.js'
import { Runtime } from './runtime.js'

/** The server bounds its own queue; this only stops a server that does not. */
const WAITING_MAX = 4096

/** Events the parent has not read yet; beyond these the engine waits for it. */
const UNREAD_MAX = 256

const NATIVE_LOG_LEVELS = ['debug', 'debug', 'debug', 'warn', 'error'] as const

type Parts = { readonly runtime: Runtime; readonly engine: Engine }

class EngineProcess {
  #parts: Parts | undefined
  #isPumping = false
  #unread = 0

  receive(command: EngineCommand): void {
    if (command.kind === 'start') {
      this.#start(command.config)
      return
    }
    if (command.kind === 'shutdown') {
      this.end()
      return
    }
    // The server sends nothing else before it was told that the engine is ready.
    if (this.#parts === undefined) return
    try {
      this.#handle(this.#parts.engine, command)
    } catch (error) {
      this.#send({ kind: 'error', id: command.id, error: toPlain(error) })
    }
    this.#pump()
  }

  /** Frees everything, cards included, and ends the process. */
  end(): void {
    this.#parts?.engine.close()
    this.#parts?.runtime.free()
    this.#parts = undefined
    process.exit(0)
  }

  /** Reports why the process cannot go on. */
  fail(error: unknown): void {
    process.exitCode = 1
    if (process.connected)
      process.send?.({ kind: 'failed', error: toPlain(error) }, undefined, undefined, exitFailed)
    else exitFailed()
  }

  #start(config: EngineConfig): void {
    const log = createLogger({ level: config.logLevel, part: 'engine' })
    forwardNativeLog(log)
    const gguf = openGguf(config.modelPath)
    loadLibraries(config.backend)
    const progress = this.#progress()
    const experts = openExperts(config, gguf, progress)
    const onProgress = (done: number): void => progress('model', Math.floor(done * 100), 100)
    const runtime = Runtime.open({ config, gguf, experts, onProgress })
    const engine = new Engine({
      runtime,
      parallel: config.parallel,
      batch: config.batch,
      waitingMax: WAITING_MAX,
      now: () => performance.now() / 1000,
      drawSeed: () => randomInt(2 ** 32),
    })
    this.#parts = { runtime, engine }
    this.#send({ kind: 'ready', model: modelInfo(runtime, gguf, config) })
  }

  /** Sends a stage's progress when it has changed. */
  #progress(): (stage: string, done: number, total: number) => void {
    let last = ''
    return (stage, done, total) => {
      const key = `${stage} ${done} ${total}`
      if (key === last) return
      last = key
      this.#send({ kind: 'loading', stage, done, total })
    }
  }

  #handle(engine: Engine, command: Exclude<EngineCommand, { kind: 'start' | 'shutdown' }>): void {
    const { id } = command
    switch (command.kind) {
      case 'generate':
        engine.submit(id, command)
        return
      case 'cancel':
        engine.cancel(id)
        return
      case 'tokenize':
        this.#send({ kind: 'tokens', id, tokens: engine.tokenize(command.text, command) })
        return
      case 'detokenize':
        this.#send({ kind: 'text', id, text: engine.detokenize(command.tokens) })
        return
      case 'stats':
        this.#send({ kind: 'stats', id, stats: engine.stats() })
        return
      case 'experts':
        this.#send({ kind: 'experts', id, experts: engine.experts() })
        return
      case 'fleet-change':
        engine.changeFleet(command.action, command.node)
        this.#send({ kind: 'done', id })
    }
  }

  /** Steps as long as there is work, letting messages in between. */
  #pump(): void {
    if (this.#isPumping || this.#parts?.engine.hasWork !== true) return
    if (this.#unread > UNREAD_MAX) return
    this.#isPumping = true
    setImmediate(() => {
      this.#isPumping = false
      if (this.#parts === undefined) return
      for (const event of this.#parts.engine.step()) this.#send(event)
      this.#pump()
    })
  }

  #send(event: EngineEvent): void {
    if (!process.connected) return
    this.#unread++
    process.send?.(event, undefined, undefined, () => {
      this.#unread--
      this.#pump()
    })
  }
}

function exitFailed(): void {
  process.exit(1)
}

function forwardNativeLog(log: Logger): void {
  const native = log.child('libllama')
  recordNativeLog((level, line) => {
    native[NATIVE_LOG_LEVELS[level] ?? 'debug'](line)
  })
}

const engineProcess = new EngineProcess()

process.on('message', (command: EngineCommand) => {
  try {
    engineProcess.receive(command)
  } catch (error) {
    engineProcess.fail(error)
  }
})
process.on('disconnect', () => engineProcess.end())
process.on('uncaughtException', (error) => engineProcess.fail(error))
// A terminal's Ctrl-C reaches the whole process group, and a service manager's SIGTERM all of its
// processes; the parent decides when the engine ends.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
