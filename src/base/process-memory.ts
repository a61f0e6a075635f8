/** What a process occupies of the machine's memory, as its system counts it. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Resident bytes, shared and mapped ones included; undefined when the system does not tell. */
export function residentBytes(pid: number): number | undefined {
  const kibibytes = process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
  return Number.isFinite(kibibytes) && kibibytes > 0 ? kibibytes * 1024 : undefined
}

/** Linux: proc_pid_status(5). */
function fromProc(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1])
  } catch {
    // The process is gone.
    return Number.NaN
  }
}

/** Everywhere else with POSIX. */
function fromPs(pid: number): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })
  return Number(stdout ?? Number.NaN)
}
