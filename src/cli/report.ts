/**
 * How commands speak to people: errors, progress, colour. Results go to stdout elsewhere; all of
 * this goes to stderr. Knows nothing of single commands.
 */
import { SputnikError } from '../base/errors.js'

const BOLD_RED = '1;31'
const DIM = '2'
/** Without a terminal a line this often, or every so many per cent. */
const PLAIN_LINE_MS = 10_000
const PLAIN_LINE_PERCENT = 5

export function hasColour(stream: NodeJS.WriteStream = process.stderr): boolean {
  const { NO_COLOR } = process.env
  return stream.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '')
}

export function paint(text: string, style: string): string {
  return hasColour() ? `\u001b[${style}m${text}\u001b[0m` : text
}

export function dim(text: string): string {
  return paint(text, DIM)
}

/** Prints `CODE  message` and the fix; returns the exit status. Stacks are for defects only. */
export function reportError(error: unknown): number {
  if (error instanceof SputnikError && error.code !== 'INTERNAL') {
    writeError(error.code, error.message, error.fix)
    return error.entry.exit
  }
  const internal = new SputnikError('INTERNAL', 'unexpected error', {}, error)
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
  writeError('INTERNAL', detail, internal.fix)
  return internal.entry.exit
}

export function writeError(code: string, message: string, fix: string): void {
  process.stderr.write(`${paint(code, BOLD_RED)}  ${message}\nfix: ${fix}\n`)
}

export type Progress = {
  readonly update: (progress: { stage: string; done: number; total: number }) => void
  /** Clears the line of a terminal. */
  readonly end: () => void
}

/** One line that changes in place on a terminal; now and then a line elsewhere. */
export function createProgress(
  stream: NodeJS.WriteStream = process.stderr,
  verb = 'loading',
): Progress {
  return stream.isTTY === true ? terminalProgress(stream, verb) : plainProgress(stream, verb)
}

function terminalProgress(stream: NodeJS.WriteStream, verb: string): Progress {
  const clear = '\r\u001b[K'
  return {
    update: (progress) => stream.write(`${clear}${verb} ${formatProgress(progress)}`),
    end: () => stream.write(clear),
  }
}

function plainProgress(stream: NodeJS.WriteStream, verb: string): Progress {
  let stage = ''
  let percent = 0
  let writtenMs = Number.NEGATIVE_INFINITY
  return {
    update: (progress) => {
      const now = performance.now()
      const isNews =
        progress.stage !== stage ||
        percentOf(progress) >= percent + PLAIN_LINE_PERCENT ||
        now - writtenMs >= PLAIN_LINE_MS
      if (!isNews) return
      stage = progress.stage
      percent = percentOf(progress)
      writtenMs = now
      stream.write(`${verb} ${formatProgress(progress)}\n`)
    },
    end: () => {},
  }
}

function percentOf({ done, total }: { done: number; total: number }): number {
  return total > 0 ? Math.floor((100 * done) / total) : 0
}

function formatProgress(progress: { stage: string; done: number; total: number }): string {
  return `${progress.stage} ${percentOf(progress)} %`
}
