/** Whether other processes live, by their ids. */
import { codeOf } from './errors.js'

/** An id that was given to another process since counts too. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Not ours to signal, so it lives.
    return codeOf(error) === 'EPERM'
  }
}
