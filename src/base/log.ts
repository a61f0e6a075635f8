/**
 * Lines for people on stderr: time, level, part, message, fields. Knows nothing of who reads them;
 * never give it prompts or answers.
 */

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>

type LogMethod = (message: string, fields?: LogFields) => void

export type Logger = {
  readonly level: LogLevel
  readonly error: LogMethod
  readonly warn: LogMethod
  readonly info: LogMethod
  readonly debug: LogMethod
  /** The same output under another part name. */
  readonly child: (part: string) => Logger
}

export type LoggerOptions = {
  readonly level: LogLevel
  /** Which part of sputnik speaks, for example `server`. */
  readonly part: string
  readonly write?: (line: string) => void
  readonly now?: () => Date
}

export function createLogger(options: LoggerOptions): Logger {
  const { level, part, write = writeStderr, now = () => new Date() } = options
  const limit = LOG_LEVELS.indexOf(level)
  const method = (at: LogLevel): LogMethod => {
    if (LOG_LEVELS.indexOf(at) > limit) return () => {}
    return (message, fields = {}) => {
      write(`${now().toISOString()} ${at.padEnd(5)} ${part}: ${message}${formatFields(fields)}\n`)
    }
  }
  return {
    level,
    error: method('error'),
    warn: method('warn'),
    info: method('info'),
    debug: method('debug'),
    child: (childPart) => createLogger({ ...options, part: childPart }),
  }
}

function writeStderr(line: string): void {
  process.stderr.write(line)
}

function formatFields(fields: LogFields): string {
  let text = ''
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) text += ` ${name}=${formatValue(value)}`
  }
  return text
}

function formatValue(value: string | number | boolean | null): string {
  const text = String(value)
  // Quoting keeps a foreign line break from forging a log line.
  return /^[\w.:/@+-]*$/.test(text) && text !== '' ? text : JSON.stringify(text)
}
