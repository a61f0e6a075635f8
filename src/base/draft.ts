/**
 * Names of files and folders that are still being written, and get their own name when they are
 * whole. Knows nothing of contents.
 */
import { threadId } from 'node:worker_threads'

/** `<name>.<pid>.<thread>.<number>.draft` */
const DRAFT = /\.(?<pid>\d+)\.\d+\.\d+\.draft$/

/** Each thread has a count of its own. */
let drafts = 0

/** Beside `path`; no other process, thread or call gets the same one. */
export function draftOf(path: string): string {
  drafts++
  return `${path}.${process.pid}.${threadId}.${drafts}.draft`
}

/** The process that writes, or wrote, a draft; undefined for any other name. */
export function writerOf(name: string): number | undefined {
  const pid = DRAFT.exec(name)?.groups?.pid
  return pid === undefined ? undefined : Number(pid)
}
