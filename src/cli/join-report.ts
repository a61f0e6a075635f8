/**
 * What `sputnik join` tells people on stderr: a line for each state, and what was fetched so far,
 * in place on a terminal. Knows nothing of processes.
 */
import { fromPlain, type SputnikError } from '../base/errors.js'
import { formatBytes } from '../base/units.js'
import type { DomainEvent } from '../domain/protocol.js'
import type { DomainEnd } from './domain-process.js'
import { dim } from './report.js'

export type JoinReport = {
  readonly event: (event: DomainEvent) => void
  readonly restart: (end: DomainEnd, delayMs: number) => void
  readonly line: (text: string) => void
}

type Held = { readonly pages: number; readonly bytes: number }

const CLEAR = '\r\u001b[K'
/** Without a terminal a line this often. */
const PLAIN_LINE_MS = 10_000

/** `heads` are their addresses: named when there are several. */
export function createJoinReport(
  heads: readonly string[],
  stream: NodeJS.WriteStream = process.stderr,
): JoinReport {
  const isTerminal = stream.isTTY === true
  const progress = isTerminal ? inPlace(stream) : nowAndThen(stream)
  const line = (text: string): void => {
    stream.write(`${isTerminal ? CLEAR : ''}${text}\n`)
  }
  const named = (head: number, text: string): string =>
    heads.length === 1 ? oneLine(text) : `${heads[head]}: ${oneLine(text)}`
  const lost = (reason: string, { next, error }: { next: string; error?: SputnikError }): void => {
    line(`lost       ${reason}; ${next}`)
    if (error !== undefined) line(`fix: ${error.fix}`)
  }
  return {
    line,
    event: (event) => {
      if (event.kind === 'progress') progress(event)
      else if (event.kind === 'state') {
        line(`${event.state.padEnd(10)} ${named(event.head, event.text)}`)
      } else if (event.kind === 'lost') {
        const { head, delayMs } = event
        const error = fromPlain(event.error)
        const next = delayMs === null ? 'not tried again' : againIn(delayMs)
        lost(named(head, codeAndText(error)), { next, error })
      }
    },
    restart: (end, delayMs) => {
      const { error } = end.failure ?? {}
      const reason = error === undefined ? end.reason : codeAndText(error)
      lost(oneLine(reason), { next: againIn(delayMs), ...(error && { error }) })
    },
  }
}

function againIn(delayMs: number): string {
  return `again in ${delayMs / 1000} s`
}

function codeAndText({ code, message }: SputnikError): string {
  return `${code}  ${message}`
}

function inPlace(stream: NodeJS.WriteStream): (held: Held) => void {
  return (held) => stream.write(`${CLEAR}${dim(formatHeld(held))}`)
}

function nowAndThen(stream: NodeJS.WriteStream): (held: Held) => void {
  let writtenMs = Number.NEGATIVE_INFINITY
  return (held) => {
    const nowMs = performance.now()
    if (nowMs - writtenMs < PLAIN_LINE_MS) return
    writtenMs = nowMs
    stream.write(`${formatHeld(held)}\n`)
  }
}

function formatHeld({ pages, bytes }: Held): string {
  return `${'holds'.padEnd(10)} ${pages} pages, ${formatBytes(bytes)}`
}

/** A reason may be a whole stack. */
function oneLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
