/**
 * Lets one process be in several hosts: a socket belongs to the namespace of the thread that makes
 * it, and a thread to that of the thread that starts it. Linux, as root; knows nothing of what runs
 * there.
 */
import { closeSync, openSync } from 'node:fs'
import { libc } from '../src/native/libc.js'

/** `CLONE_NEWNET` of sched.h. */
const NETWORK = 0x40000000
const OWN = '/proc/thread-self/ns/net'

/** What `act` makes before it returns is in the namespace of that file, see setns(2). */
export function insideNamespace(path: string, act: () => void): void {
  const [own, other] = [openSync(OWN, 'r'), openSync(path, 'r')]
  try {
    enter(other)
    act()
  } finally {
    enter(own)
    closeSync(own)
    closeSync(other)
  }
}

function enter(namespace: number): void {
  const setns = libc().func('int setns(int, int)')
  if (setns(namespace, NETWORK) !== 0) throw new Error('a network namespace cannot be entered')
}
