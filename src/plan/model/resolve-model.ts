/** Finds the model that a plan is asked for: a name, a GGUF, or a Hugging Face config.json. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SputnikError } from '../../base/errors.js'
import { openGguf } from '../../gguf/reader.js'
import { unknownText } from '../catalog/catalogue.js'
import { readInputFile } from '../input-file.js'
import { BUILTIN_MODELS, findBuiltinModel } from './builtin.js'
import { shapeOfConfig } from './config-shape.js'
import { shapeOfGguf } from './gguf-shape.js'
import type { ModelShape } from './shape.js'
import { weightBits } from './weight-formats.js'

/** What `--help` says of the model of a plan. */
export const PLAN_MODEL_HELP = `GGUF file, Hugging Face config.json (or its folder), or one of: ${modelNames().join(', ')}`

/**
 * `weights`: format of the weights instead of the one the model comes in, as in `q4_K` or
 * `bf16/mxfp4` for trunk and experts.
 * @throws SputnikError MODEL_UNKNOWN, MODEL_SHAPE, USAGE, and those of reading a file
 */
export function resolveModel(
  text: string,
  { weights }: { readonly weights?: string | undefined } = {},
): ModelShape {
  const named = findBuiltinModel(text)
  if (named !== undefined) return inFormat(named, weights)
  if (/\.gguf$/i.test(text)) return inFormat(shapeOfGguf(openGguf(text)), weights)
  if (/\.json$/i.test(text)) return readConfig(text, weights)
  const inFolder = join(text, 'config.json')
  if (existsSync(text) && statSync(text).isDirectory() && existsSync(inFolder)) {
    return readConfig(inFolder, weights)
  }
  const available = modelNames()
  const problem = existsSync(text)
    ? `${text}: no model; the file of one ends in .gguf or .json`
    : unknownText('model', text, available)
  throw new SputnikError('MODEL_UNKNOWN', problem, { available: available.join(', ') })
}

function modelNames(): string[] {
  return BUILTIN_MODELS.map(({ id }) => id)
}

/** Bytes of a file hold only for the format it is in. */
function inFormat(shape: ModelShape, weights: string | undefined): ModelShape {
  if (weights === undefined) return shape
  const { exact: _, ...rest } = shape
  return { ...rest, bits: weightBits(weights) }
}

function readConfig(path: string, weights: string | undefined): ModelShape {
  return shapeOfConfig(parseJson(path), { source: path, weights })
}

function parseJson(path: string): unknown {
  const text = readInputFile(path)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SputnikError('MODEL_SHAPE', `${path}: it is no JSON`, { path }, error)
  }
}
