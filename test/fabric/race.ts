/** Starts processes that wait for each other and then do the same thing at once. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const RACER = fileURLToPath(new URL('racer.js', import.meta.url))

/** What each of the processes printed; `args` is called with the number of each. */
export async function race(
  count: number,
  args: (index: number) => readonly string[],
): Promise<string[]> {
  const racers = Array.from({ length: count }, (_, i) => start(args(i)))
  await Promise.all(racers.map((racer) => racer.ready))
  for (const { child } of racers) child.stdin.write('go')
  await Promise.all(racers.map(({ child }) => once(child, 'close')))
  return racers.map(({ output }) => output.text.slice(1))
}

function start(args: readonly string[]) {
  const child: ChildProcessWithoutNullStreams = spawn(process.execPath, [RACER, ...args])
  const output = { text: '' }
  child.stderr.pipe(process.stderr)
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => {
      output.text += String(chunk)
      resolve()
    })
  })
  return { child, output, ready }
}
