/**
 * The processes of a benchmark in the hosts of a star: starts them, hears what they say, and ends
 * them whatever happens. Knows nothing of what they are for.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStar, type Star, type StarOptions } from './namespaces.js'

/**
 * Of many machines, each with its cores for itself, so what else runs here must not take part. The
 * first host is the one that everything goes to.
 */
const FIRST_PRIORITY = -20
const OTHER_PRIORITY = -15
/** More of them would keep each other from answering in time. */
const STARTED_AT_ONCE = 4
const ANSWER_MS = 120_000

export type Start = {
  /** Null: in none, and enters some by itself. */
  readonly host: number | null
  /** Compiled, beside this one. */
  readonly file: string
  /** Goes to the process as JSON, its only argument. */
  readonly start: object
}

type Message = { readonly kind: string }

export class StarProcesses {
  readonly star: Star
  /** Of this run alone, and gone after it. */
  readonly folder: string
  readonly #children: ChildProcess[] = []

  constructor(star: Star, folder: string) {
    this.star = star
    this.folder = folder
  }

  begin<From extends Message, To extends Message>(start: Start): StarProcess<From, To> {
    const path = fileURLToPath(new URL(start.file, import.meta.url))
    const command = [process.execPath, path, JSON.stringify(start.start)]
    const inHost = start.host === null ? command : this.star.inHost(start.host, command)
    const [name = '', ...args] = inHost
    const child = spawn(name, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    if (child.pid !== undefined)
      setPriority(child.pid, start.host === 0 ? FIRST_PRIORITY : OTHER_PRIORITY)
    this.#children.push(child)
    return new StarProcess(child)
  }

  /** Stopped first, so that none complains of another that is gone. */
  kill(): void {
    for (const child of this.#children) child.kill('SIGSTOP')
    for (const child of this.#children) child.kill('SIGKILL')
  }

  async ended(): Promise<void> {
    const living = this.#children.filter((one) => one.exitCode === null && one.signalCode === null)
    await Promise.all(living.map((child) => once(child, 'exit')))
  }
}

export class StarProcess<From extends Message, To extends Message> {
  readonly #child: ChildProcess

  constructor(child: ChildProcess) {
    this.#child = child
  }

  tell(message: To): void {
    this.#child.send(message)
  }

  /** The next one of that kind, in time. */
  message<K extends From['kind']>(kind: K): Promise<Extract<From, { readonly kind: K }>> {
    const child = this.#child
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        child.off('message', hear).off('exit', gone)
        act()
      }
      const hear = (message: From): void => {
        if (isOf(message, kind)) settle(() => resolve(message))
      }
      const gone = (): void => settle(() => reject(new Error('a process of a host has ended')))
      const timer = setTimeout(() => settle(() => reject(new Error(`no ${kind}`))), ANSWER_MS)
      child.on('message', hear).on('exit', gone)
    })
  }
}

function isOf<From extends Message, K extends From['kind']>(
  message: From,
  kind: K,
): message is Extract<From, { readonly kind: K }> {
  return message.kind === kind
}

/** Makes the star, and takes it down again with all that was started there. */
export async function withStar<T>(
  options: StarOptions,
  use: (processes: StarProcesses) => Promise<T>,
): Promise<T> {
  const star = openStar(options)
  const folder = mkdtempSync(join(tmpdir(), 'sputnik-star-'))
  const processes = new StarProcesses(star, folder)
  const kill = (): void => processes.kill()
  const leave = (): never => process.exit(1)
  process.once('exit', kill).once('SIGINT', leave).once('SIGTERM', leave)
  try {
    return await use(processes)
  } finally {
    kill()
    process.off('exit', kill).off('SIGINT', leave).off('SIGTERM', leave)
    await processes.ended()
    star.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One for each of hosts 1 to `hosts`, a few at a time. */
export async function forEachHost<T>(
  hosts: number,
  begin: (host: number) => Promise<T>,
): Promise<T[]> {
  const begun: T[] = []
  for (let first = 1; first <= hosts; first += STARTED_AT_ONCE) {
    const count = Math.min(STARTED_AT_ONCE, hosts - first + 1)
    begun.push(...(await Promise.all(Array.from({ length: count }, (_, i) => begin(first + i)))))
  }
  return begun
}
