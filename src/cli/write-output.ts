/** Writes a file that a command was asked for. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { reasonOf, SputnikError } from '../base/errors.js'
import { dim } from './report.js'

const CHUNK_CHARACTERS = 1 << 16

/** @throws SputnikError OUTPUT_UNWRITABLE */
export function writeOutput(path: string, text: string): void {
  attempt(path, () => writeFileSync(path, text))
  tell(path)
}

/** Lines without their ends, which together may be more than a string can hold. */
export function writeLines(path: string, lines: Iterable<string>): void {
  const file = new LineFile(path)
  attempt(path, () => {
    for (const line of lines) file.add(line)
    file.close()
  })
  tell(path)
}

/** A new file of lines, written many at a time. */
export class LineFile {
  readonly #fd: number
  #chunk = ''

  /** @throws SputnikError OUTPUT_UNWRITABLE */
  constructor(path: string) {
    this.#fd = attempt(path, () => openSync(path, 'w'))
  }

  /** `line`: without its end. */
  add(line: string): void {
    this.#chunk += `${line}\n`
    if (this.#chunk.length >= CHUNK_CHARACTERS) this.#flush()
  }

  close(): void {
    this.#flush()
    closeSync(this.#fd)
  }

  #flush(): void {
    writeSync(this.#fd, this.#chunk)
    this.#chunk = ''
  }
}

/** Whether output of long work will find a place. @throws SputnikError OUTPUT_UNWRITABLE */
export function checkOutput(path: string): void {
  attempt(path, () => closeSync(openSync(path, 'a')))
}

function attempt<T>(path: string, write: () => T): T {
  try {
    return write()
  } catch (error) {
    throw new SputnikError('OUTPUT_UNWRITABLE', `${path}: ${reasonOf(error)}`, { path }, error)
  }
}

function tell(path: string): void {
  process.stderr.write(`${dim(`wrote ${path}`)}\n`)
}
