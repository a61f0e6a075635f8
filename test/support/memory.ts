/** What this process holds, when nothing that can go is left of what it held. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | undefined

export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
}

/**
 * Bytes that the process has more after `act` was done so many times, and once as often before to
 * warm up. The event loop does not turn meanwhile; garbage goes every `rounds`-th part of the times.
 */
export function residentGrowth(act: () => void, { times, rounds }: Repetition): number {
  const repeat = (): number => {
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < times / rounds; i++) act()
      collectGarbage()
    }
    return process.memoryUsage.rss()
  }
  return -repeat() + repeat()
}

type Repetition = { readonly times: number; readonly rounds: number }
