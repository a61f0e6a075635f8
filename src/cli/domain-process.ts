/**
 * One life of the domain process: fork, its first message, its events, its end. Never starts it
 * again, and knows nothing of what a domain does.
 */
import { fork } from 'node:child_process'
import { fromPlain, type SputnikError } from '../base/errors.js'
import type { DomainCommand, DomainConfig, DomainEvent } from '../domain/protocol.js'

export type DomainEnd = {
  /** Reads like "exit status 1". */
  readonly reason: string
  /** What the process said of itself before it ended. */
  readonly failure: { readonly error: SputnikError; readonly isFinal: boolean } | undefined
}

export type DomainProcess = {
  /** Resolves once, after the last event. */
  readonly ended: Promise<DomainEnd>
  /** Asks it to end once its pages lie elsewhere; when it falls silent it is made to. */
  readonly stop: () => void
  readonly kill: () => void
}

export type DomainStart = {
  readonly script: string
  readonly config: DomainConfig
  readonly onEvent: (event: DomainEvent) => void
}

/** It says what it still holds several times a second. */
const STOP_SILENT_MS = 5_000
/** A process that failed ends by itself; one that cannot is not waited for. */
const FAILED_MS = 5_000
/** Events written just before the end may arrive after it is known. */
const LAST_EVENTS_MS = 500

export function startDomain({ script, config, onEvent }: DomainStart): DomainProcess {
  // Its stdout goes to our stderr: a domain has no results, only a log.
  const child = fork(script, [], { stdio: ['ignore', 2, 2, 'ipc'], execArgv: [] })
  let failure: DomainEnd['failure']
  let isStopping = false
  let deadline: NodeJS.Timeout | undefined
  const killAfter = (ms: number): void => {
    clearTimeout(deadline)
    deadline = setTimeout(() => child.kill('SIGKILL'), ms)
  }
  child.on('message', (event: DomainEvent) => {
    if (event.kind === 'failed') {
      failure = { error: fromPlain(event.error), isFinal: event.isFinal }
      killAfter(FAILED_MS)
      return
    }
    if (isStopping) killAfter(STOP_SILENT_MS)
    onEvent(event)
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (status, signal) => {
      const reason = signal === null ? `exit status ${status}` : `signal ${signal}`
      child.once('close', () => resolve(reason))
      setTimeout(() => resolve(reason), LAST_EVENTS_MS)
    })
  }).then((reason): DomainEnd => {
    clearTimeout(deadline)
    return { reason, failure }
  })
  const command: DomainCommand = { kind: 'start', config }
  // A process that is gone already is told of by `exit`.
  child.send(command, () => {})
  return {
    ended,
    stop: () => {
      isStopping = true
      child.kill('SIGTERM')
      killAfter(STOP_SILENT_MS)
    },
    kill: () => {
      child.kill('SIGKILL')
    },
  }
}
