/**
 * Where `fleet top` draws: a terminal page of its own, redrawn in place, or plain text one below
 * the other. Knows nothing of what is drawn.
 */

export type Screen = {
  /** Of a line; without end where lines may be as long as they like. */
  readonly columns: () => number
  readonly draw: (text: string) => void
  /** Gives the terminal back as it was. */
  readonly close: () => void
}

const OPEN = '\u001b[?1049h\u001b[?25l'
const CLOSE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE_END = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'
const CTRL_C = '\u0003'
/** Of terminals that do not tell, or tell 0. */
const COLUMNS = 80
const ROWS = 24

export function openScreen(stream: NodeJS.WriteStream = process.stdout): Screen {
  return stream.isTTY === true ? terminalScreen(stream) : plainScreen(stream)
}

function terminalScreen(stream: NodeJS.WriteStream): Screen {
  stream.write(OPEN)
  return {
    columns: () => columnsOf(stream),
    draw: (text) => {
      const lines = text.split('\n').slice(0, stream.rows || ROWS)
      const cut = lines.map((line) => line.slice(0, columnsOf(stream)) + CLEAR_LINE_END)
      stream.write(HOME + cut.join('\r\n') + CLEAR_BELOW)
    },
    close: () => stream.write(CLOSE),
  }
}

function plainScreen(stream: NodeJS.WriteStream): Screen {
  return {
    columns: () => columnsOf(stream),
    draw: (text) => stream.write(`${text}\n\n`),
    close: () => {},
  }
}

/** Width of a terminal; what is no terminal takes everything. */
export function columnsOf(stream: NodeJS.WriteStream = process.stdout): number {
  return stream.isTTY === true ? stream.columns || COLUMNS : Number.POSITIVE_INFINITY
}

/** Aborts at q, Ctrl+C and SIGTERM. Returns what stops listening. */
export function listenForEnd(end: AbortController): () => void {
  const stop = (): void => end.abort()
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  const unhear = hearKeys(stop)
  return () => {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
    unhear()
  }
}

function hearKeys(stop: () => void): () => void {
  const { stdin } = process
  if (!stdin.isTTY || !process.stdout.isTTY) return () => {}
  const onKeys = (keys: Buffer): void => {
    const text = keys.toString()
    if (text === 'q' || text === 'Q' || text.includes(CTRL_C)) stop()
  }
  // A terminal that waits for whole lines would not tell of a single key.
  stdin.setRawMode(true).on('data', onKeys).resume()
  return () => {
    stdin.off('data', onKeys).setRawMode(false).pause()
  }
}
