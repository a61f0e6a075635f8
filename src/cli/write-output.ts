/** Writes a file that a command was asked for. */
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { reasonOf, SputnikError } from '../base/errors.js'
import { dim } from './report.js'

const CHUNK_CHARACTERS = 1 << 16

/** @throws SputnikError OUTPUT_UNWRITABLE */
export function writeOutput(path: string, text: string): void {
  attempt(path, () => writeFileSync(path, text))
  tell(path)
}

/**
 * Lines without their ends, which together may be more than a string can hold.
 * @throws SputnikError OUTPUT_UNWRITABLE
 */
export function writeLines(path: string, lines: Iterable<string>): void {
  const file = new LineFile(path)
  try {
    for (const line of lines) file.add(line)
  } finally {
    file.close()
  }
  tell(path)
}

/** A new file of lines, written many at a time; a full disk shows in any of its methods. */
export class LineFile {
  readonly #path: string
  readonly #fd: number
  #chunk = ''

  /** @throws SputnikError OUTPUT_UNWRITABLE */
  constructor(path: string) {
    this.#path = path
    this.#fd = attempt(path, () => openSync(path, 'w'))
  }

  /** `line`: without its end. @throws SputnikError OUTPUT_UNWRITABLE */
  add(line: string): void {
    this.#chunk += `${line}\n`
    if (this.#chunk.length >= CHUNK_CHARACTERS) this.#flush()
  }

  /** @throws SputnikError OUTPUT_UNWRITABLE; closed it is even so */
  close(): void {
    try {
      this.#flush()
    } finally {
      attempt(this.#path, () => closeSync(this.#fd))
    }
  }

  #flush(): void {
    const chunk = this.#chunk
    this.#chunk = ''
    // Unlike writeSync it goes on until all is written.
    attempt(this.#path, () => writeFileSync(this.#fd, chunk))
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
