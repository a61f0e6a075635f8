/** Reads the workload that a plan is asked for: a name, or a YAML or JSON file. */
import { z } from 'zod'
import { SputnikError } from '../base/errors.js'
import { unknownText } from './catalog/catalogue.js'
import { isInputFile, readInputFile } from './input-file.js'
import { checkPlan, parsePlanText } from './plan-file.js'
import { quantity, share } from './quantity.js'
import { BATCH_MAX, BATCHES_MAX, TOKENS_MAX, type Workload } from './workload.js'
import { CHAT, WORKLOADS } from './workloads.js'

const NAME_MAX = 100

/** `1024` or `1024 tokens`. */
const tokens = z.preprocess((given) => {
  const [, digits] = /^(\d{1,9}) tokens?$/.exec(String(given)) ?? []
  return digits === undefined ? given : Number(digits)
}, z.int().min(1).max(TOKENS_MAX))

const seconds = quantity('time', { above: 0, max: 1e6 })

const WORKLOAD_FILE = z.strictObject({
  name: z.string().min(1).max(NAME_MAX),
  prompt: tokens,
  output: tokens,
  batches: z.array(z.int().min(1).max(BATCH_MAX)).min(1).max(BATCHES_MAX).optional(),
  ttft: seconds.optional(),
  tpot: seconds.optional(),
  utilisation: share({ above: 0 }).optional(),
  cached: share().optional(),
})

export const PLAN_WORKLOAD_HELP = `YAML or JSON file, or one of: ${WORKLOADS.map(({ name }) => name).join(', ')}`

/** @throws SputnikError WORKLOAD_UNKNOWN, PLAN_INVALID, and those of reading a file */
export function resolveWorkload(text: string): Workload {
  const named = WORKLOADS.find(({ name }) => name === text)
  if (named !== undefined) return named
  if (isInputFile(text)) return parseWorkload(readInputFile(text), text)
  const names = WORKLOADS.map(({ name }) => name)
  throw new SputnikError('WORKLOAD_UNKNOWN', unknownText('workload', text, names), {
    available: names.join(', '),
  })
}

/** What the text leaves out is as with the workload `chat`. `source`: named in errors. */
export function parseWorkload(text: string, source: string): Workload {
  const fields = Object.keys(WORKLOAD_FILE.shape)
  const file = checkPlan(WORKLOAD_FILE, parsePlanText(text, source), { source, fields })
  return {
    name: file.name,
    promptTokens: file.prompt,
    outputTokens: file.output,
    batches: [...new Set(file.batches ?? CHAT.batches)].sort((a, b) => a - b),
    ttftS: file.ttft ?? CHAT.ttftS,
    tpotS: file.tpot ?? CHAT.tpotS,
    utilisation: file.utilisation ?? CHAT.utilisation,
    cachedShare: file.cached ?? CHAT.cachedShare,
  }
}
