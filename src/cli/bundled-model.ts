/** The small model that comes with sputnik, for whoever names none. */

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { SputnikError } from '../base/errors.js'

/** What `--help` says of an argument that may be left out. */
export const MODEL_HELP = 'GGUF file, the first one of a split (default: the model in the box)'

/** @throws SputnikError FILE_NOT_FOUND when this installation lacks it */
export function bundledModel(): string {
  const path = fileURLToPath(new URL('../../../models/tiny/sputnik-tiny.gguf', import.meta.url))
  if (existsSync(path)) return path
  throw new SputnikError('FILE_NOT_FOUND', `this installation lacks its own model, ${path}`)
}

/** Arguments of `run`: a single one is a model when it looks like a file, else a prompt. */
export function modelAndPrompt(
  first: string | undefined,
  second: string | undefined,
): { model: string; prompt: string | undefined } {
  if (first === undefined) return { model: bundledModel(), prompt: undefined }
  const isModel = second !== undefined || /\.gguf$/i.test(first) || existsSync(first)
  return isModel ? { model: first, prompt: second } : { model: bundledModel(), prompt: first }
}
