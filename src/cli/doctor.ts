/**
 * `sputnik doctor`: can this machine run sputnik, and what would help. Reads only.
 */
import { Command } from 'commander'
import { SputnikError } from '../base/errors.js'
import { type Check, canRun, checkMachine } from './machine-checks.js'
import { gatherFacts, type MachineFacts } from './machine-facts.js'

/** The output of `--json`. */
export type Diagnosis = {
  readonly ok: boolean
  readonly checks: readonly Check[]
  readonly facts: MachineFacts
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check whether this machine can run sputnik, and what would help')
    .option('--json', 'print one JSON object', false)
    .action(doctor)
}

async function doctor({ json }: { readonly json: boolean }): Promise<void> {
  const facts = await gatherFacts()
  const checks = checkMachine(facts)
  const diagnosis: Diagnosis = { ok: canRun(checks), checks, facts }
  process.stdout.write(json ? `${JSON.stringify(diagnosis, null, 2)}\n` : formatChecks(checks))
  if (diagnosis.ok) return
  const count = checks.filter((check) => check.status === 'problem').length
  throw new SputnikError('MACHINE_UNFIT', `sputnik cannot run here: problems: ${count}`)
}

const MARKS = { ok: 'ok', hint: 'hint', problem: 'PROBLEM' } as const

/** One line for each check and one below it for what to do. */
export function formatChecks(checks: readonly Check[]): string {
  const nameColumns = Math.max(...checks.map((check) => check.name.length))
  const markColumns = MARKS.problem.length
  const lines = checks.flatMap(({ name, status, text, fix }) => {
    const head = `${MARKS[status].padEnd(markColumns)}  ${name.padEnd(nameColumns)}  `
    const first = `${head}${text}`
    return fix === undefined ? [first] : [first, `${' '.repeat(head.length)}-> ${fix}`]
  })
  return `${lines.join('\n')}\n`
}
