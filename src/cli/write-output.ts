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
  attempt(path, () => {
    const file = openSync(path, 'w')
    let chunk = ''
    for (const line of lines) {
      chunk += `${line}\n`
      if (chunk.length < CHUNK_CHARACTERS) continue
      writeSync(file, chunk)
      chunk = ''
    }
    writeSync(file, chunk)
    closeSync(file)
  })
  tell(path)
}

/** A new file to write to. @throws SputnikError OUTPUT_UNWRITABLE */
export function openOutput(path: string): number {
  return attempt(path, () => openSync(path, 'w'))
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
