/** `sputnik verify`: proves on a model that cards compute what plain libllama computes. */
import { Command } from 'commander'
import { SputnikError } from '../base/errors.js'
import { formatTable } from '../base/table.js'
import type { Verification, VerifyRequest } from '../engine/verify.js'
import { bundledModel, MODEL_HELP } from './bundled-model.js'
import { runTask } from './child-task.js'
import { addEngineOptions, type EngineOptions, integer, option, toEngineConfig } from './options.js'

type VerifyFlags = EngineOptions & { readonly tokens: number; readonly json?: boolean }

const TOKENS_DEFAULT = 32
const TOKENS_MAX = 512

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('Compare the logits of the local domain and of cards with plain libllama')
    .argument('[model]', MODEL_HELP)
  addEngineOptions(command, { parallel: 3, logLevel: 'error', cards: 1 })
  return command
    .addOption(
      option('--tokens <n>', 'tokens of the prompt and of the greedy continuation')
        .argParser(integer({ min: 2, max: TOKENS_MAX }))
        .default(TOKENS_DEFAULT),
    )
    .option('--json', 'print one JSON object')
    .action(async (given: string | undefined, flags: VerifyFlags) => {
      const model = given ?? bundledModel()
      const config = toEngineConfig(model, flags)
      const verification = await runVerify({ config, tokens: flags.tokens })
      const text = flags.json ? JSON.stringify(verification, finite, 2) : format(verification)
      process.stdout.write(`${text}\n`)
      if (!verification.isWithin) {
        throw new SputnikError('VERIFY_FAILED', `${model} differs from plain libllama`)
      }
    })
}

/** Runs the comparison in a process of its own. @throws SputnikError */
export function runVerify(request: VerifyRequest): Promise<Verification> {
  return runTask<Verification>('verify-main.js', request)
}

/** JSON knows no infinity; a number that large means "not comparable". */
function finite(_: string, value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? Number.MAX_VALUE : value
}

function format(verification: Verification): string {
  const { model, architecture, cards, wire, exact, tokens } = verification
  const how = exact ? `${wire} on the wire, exact` : `${wire} on the wire`
  const head = `${model} (${architecture}), ${tokens} tokens, ${cards} cards, ${how}`
  const columns = ['path', 'phase', 'seqs', 'rows', 'max error', 'nmse', 'greedy', 'result']
  const rows = verification.results.map((result) => [
    result.path,
    result.phase,
    String(result.sequences),
    String(result.rows),
    result.maxError.toExponential(2),
    result.normalisedError.toExponential(2),
    `${(100 * result.agreement).toFixed(1)} %`,
    result.isIdentical ? 'identical' : result.isWithin ? 'within tolerance' : 'TOO FAR',
  ])
  return [head, '', ...formatTable(columns, rows)].join('\n')
}
