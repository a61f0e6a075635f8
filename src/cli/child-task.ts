/** The command's side of a task in a process of its own. Knows nothing of what the task does. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { fromPlain, SputnikError } from '../base/errors.js'
import type { TaskAnswer, TaskRequest } from '../engine/child-task.js'

/** `script`: file name of the task's entry in the engine's folder. @throws SputnikError */
export function runTask<Result>(script: string, request: TaskRequest): Promise<Result> {
  const child = fork(fileURLToPath(new URL(`../engine/${script}`, import.meta.url)), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  return new Promise<Result>((resolve, reject) => {
    child.on('message', (answer: TaskAnswer<Result>) => {
      if (answer.kind === 'progress') process.stderr.write(`${answer.what}\n`)
      else if (answer.kind === 'done') resolve(answer.result)
      else reject(fromPlain(answer.error))
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      reject(new SputnikError('NATIVE_FAILED', `the process ended with ${signal ?? code}`))
    })
    child.send(request)
  })
}
