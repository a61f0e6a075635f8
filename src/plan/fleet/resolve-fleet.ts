/** Reads the fleet that a plan is asked for: a file, or an example by its name. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SputnikError } from '../../base/errors.js'
import { unknownText } from '../catalog/catalogue.js'
import { isInputFile, readInputFile } from '../input-file.js'
import { resolveModel } from '../model/resolve-model.js'
import { checkPlan, parsePlanText } from '../plan-file.js'
import { benchRates, readBenchReport } from './bench-rates.js'
import { type BuiltFleet, buildFleet } from './build-fleet.js'
import type { CardGroup } from './fleet.js'
import { type CardSection, FLEET_FIELDS, FLEET_FILE } from './fleet-file.js'

const EXAMPLES = fileURLToPath(new URL('../../../../examples/fleets', import.meta.url))
const EXTENSION = '.yaml'

/** Names of the fleets that come with sputnik. */
export function exampleFleets(): string[] {
  if (!existsSync(EXAMPLES)) return []
  return readdirSync(EXAMPLES)
    .filter((name) => name.endsWith(EXTENSION))
    .map((name) => name.slice(0, -EXTENSION.length))
    .sort()
}

/**
 * A path is looked at first, then the examples.
 * @throws SputnikError FLEET_UNKNOWN, PLAN_INVALID, CARD_UNKNOWN, and those of reading files
 */
export function resolveFleet(text: string): BuiltFleet {
  if (isInputFile(text)) return readFleet(text)
  const examples = exampleFleets()
  if (examples.includes(text)) return readFleet(join(EXAMPLES, `${text}${EXTENSION}`))
  throw new SputnikError('FLEET_UNKNOWN', unknownText('fleet', text, examples), {
    available: examples.join(', '),
  })
}

function readFleet(path: string): BuiltFleet {
  return parseFleet(readInputFile(path), path)
}

/** `source`: named in errors; files that the text names are looked for beside it. */
export function parseFleet(text: string, source: string): BuiltFleet {
  const value = parsePlanText(text, source)
  const file = checkPlan(FLEET_FILE, value, { source, fields: FLEET_FIELDS })
  return buildFleet(file, { source, readBench: (bench) => readBench(bench, dirname(source)) })
}

/** Of the model that the report names, or of another that stands for it when that is gone. */
function readBench(
  { file, model }: NonNullable<CardSection['bench']>,
  folder: string,
): CardGroup['measured'] {
  const path = resolve(folder, file)
  const report = readBenchReport(parsePlanText(readInputFile(path), path), path)
  return benchRates(report, resolveModel(model ?? report.model))
}
