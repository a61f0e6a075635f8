/**
 * The last lines of the native log, so that an error can say what the library said. Keeps a few
 * lines only and knows nothing of who reads them.
 */
import { type ErrorCode, type ErrorDetails, SputnikError } from '../base/errors.js'
import { type NativeLogSink, setNativeLog } from './library.js'

const LINES_KEPT = 64
const LINE_LENGTH_MAX = 1024

const LEVEL_ERROR = 4
const LEVEL_CONTINUATION = 5

type Line = { readonly level: number; text: string }

const lines: Line[] = []

/** Keeps the last native lines and passes each whole line on. Level: 1 debug ... 4 error. */
export function recordNativeLog(forward: (level: number, line: string) => void = () => {}): void {
  const sink: NativeLogSink = (level, text) => {
    const line = text.replace(/\n+$/, '').slice(0, LINE_LENGTH_MAX)
    const last = lines.at(-1)
    if (level === LEVEL_CONTINUATION && last !== undefined) {
      last.text = (last.text + line).slice(0, LINE_LENGTH_MAX)
      return
    }
    lines.push({ level, text: line })
    if (lines.length > LINES_KEPT) lines.shift()
    forward(level, line)
  }
  setNativeLog(sink)
}

/** Forgets what was said, so that the next error speaks of the next call. */
export function clearNativeLog(): void {
  lines.length = 0
}

/**
 * What the library said last as an error: the first error of the last run of errors is the cause,
 * later ones only report that the caller failed too.
 */
export function lastNativeError(): string {
  const errors = lines.filter((line) => line.level === LEVEL_ERROR)
  return errors[0]?.text ?? lines.at(-1)?.text ?? 'the native library gave no reason'
}

/** An error that carries the library's own words. */
export function nativeError(code: ErrorCode, what: string, details?: ErrorDetails): SputnikError {
  return new SputnikError(code, `${what}: ${lastNativeError()}`, details)
}
