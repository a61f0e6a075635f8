/**
 * The child's side of a task that a command runs in a process of its own: native code runs here,
 * so that a crash of it ends this process and not the command.
 */
import { type PlainError, toPlain } from '../base/errors.js'
import { createLogger } from '../base/log.js'
import { type GgufModel, openGguf } from '../gguf/reader.js'
import { recordNativeLog } from '../native/native-log.js'
import type { EngineConfig } from './protocol.js'

export type TaskRequest = { readonly config: EngineConfig }

export type TaskAnswer<Result> =
  | { readonly kind: 'progress'; readonly what: string }
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'failed'; readonly error: PlainError }

export type TaskTools = {
  readonly gguf: GgufModel
  readonly onProgress: (what: string) => void
}

/** Runs `task` on the request that the parent sends, answers, and ends the process. */
export function answerTask<Request extends TaskRequest, Result>(
  task: (options: Request & TaskTools) => Result,
): void {
  process.on('message', (request: Request) => {
    answer(runTask(task, request), () => process.exit(0))
  })
  process.on('disconnect', () => process.exit(1))
}

function runTask<Request extends TaskRequest, Result>(
  task: (options: Request & TaskTools) => Result,
  request: Request,
): TaskAnswer<Result> {
  try {
    const { logLevel, modelPath } = request.config
    const log = createLogger({ level: logLevel, part: 'native' })
    recordNativeLog((level, line) => (level >= 3 ? log.info(line) : log.debug(line)))
    const onProgress = (what: string): void => answer({ kind: 'progress', what })
    return { kind: 'done', result: task({ ...request, gguf: openGguf(modelPath), onProgress }) }
  } catch (error) {
    return { kind: 'failed', error: toPlain(error) }
  }
}

function answer<Result>(message: TaskAnswer<Result>, onSent: () => void = () => {}): void {
  process.send?.(message, undefined, undefined, onSent)
}
