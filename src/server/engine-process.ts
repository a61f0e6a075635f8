/**
 * One life of the engine process: fork, messages, exit. Knows nothing of requests and never
 * restarts anything.
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { EngineCommand, EngineEvent } from '../engine/protocol.js'

export type EngineProcessHooks = {
  readonly onEvent: (event: EngineEvent) => void
  /** Called once, after the last event. `reason` reads like "exit status 1". */
  readonly onExit: (reason: string) => void
}

export type EngineProcess = {
  readonly pid: number | undefined
  readonly send: (command: EngineCommand) => void
  readonly kill: () => void
}

/** Events written just before the process ended may arrive after its exit is known. */
const LAST_EVENTS_MS = 500

export function forkEngine(enginePath: string, hooks: EngineProcessHooks): EngineProcess {
  // Its stdout goes to our stderr: results of commands own our stdout.
  const child = fork(enginePath, [], { stdio: ['ignore', 2, 2, 'ipc'], execArgv: [] })
  child.on('message', (message) => hooks.onEvent(message as EngineEvent))
  watchExit(child, hooks.onExit)
  return {
    pid: child.pid,
    // A closed channel is not an error here: onExit tells about it.
    send: (command) => {
      if (child.connected) child.send(command, () => {})
    },
    kill: () => {
      child.kill('SIGKILL')
    },
  }
}

function watchExit(child: ChildProcess, onExit: (reason: string) => void): void {
  let reason: string | undefined
  let isReported = false
  const report = (): void => {
    if (isReported) return
    isReported = true
    onExit(reason ?? 'unknown reason')
  }
  child.once('error', (error) => {
    reason ??= error.message
    report()
  })
  child.once('exit', (status, signal) => {
    reason = signal === null ? `exit status ${status}` : `signal ${signal}`
    setTimeout(report, LAST_EVENTS_MS).unref()
  })
  child.once('close', report)
}
