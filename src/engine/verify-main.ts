/**
 * Entry of the process that verifies a model: native code runs here, so that a crash of it ends this
 * process and not the command.
 */
import { toPlain } from '../base/errors.js'
import { createLogger } from '../base/log.js'
import { openGguf } from '../gguf/reader.js'
import { recordNativeLog } from '../native/native-log.js'
import type { EngineConfig } from './protocol.js'
import { verify } from './verify.js'

export type VerifyRequest = { readonly config: EngineConfig; readonly tokens: number }

process.on('message', (request: VerifyRequest) => {
  try {
    const log = createLogger({ level: request.config.logLevel, part: 'native' })
    recordNativeLog((level, line) => (level >= 3 ? log.info(line) : log.debug(line)))
    const gguf = openGguf(request.config.modelPath)
    const onProgress = (what: string): void => void process.send?.({ kind: 'progress', what })
    const verification = verify({ ...request, gguf, onProgress })
    answer({ kind: 'done', verification })
  } catch (error) {
    answer({ kind: 'failed', error: toPlain(error) })
  }
})
process.on('disconnect', () => process.exit(1))

function answer(message: object): void {
  process.send?.(message, undefined, undefined, () => process.exit(0))
}
