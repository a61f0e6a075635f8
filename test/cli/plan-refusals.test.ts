import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CommanderError } from 'commander'
import { SputnikError } from '../../src/base/errors.js'
import { planCommand } from '../../src/cli/plan.js'

const FOLDER = mkdtempSync(join(tmpdir(), 'sputnik-plan-'))
after(() => rmSync(FOLDER, { recursive: true }))

const FLEET = ['qwen3-30b-a3b', '--weights', 'q4_K', '--fleet', 'four-gaming-pcs']

function file(name: string, text: string): string {
  const path = join(FOLDER, name)
  writeFileSync(path, text)
  return path
}

/** What the command says to those arguments instead of a plan. */
async function refusal(args: readonly string[]): Promise<{ text: string; fix: string }> {
  let said = ''
  const command = planCommand().exitOverride()
  command.configureOutput({ outputError: (text) => (said += text) })
  try {
    await command.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return { text: `USAGE ${said}`, fix: 'See --help.' }
    assert.ok(error instanceof SputnikError, String(error))
    return { text: `${error.code} ${error.message}`, fix: error.fix }
  }
  return assert.fail('it was not refused')
}

/** Arguments, what is complained of, what is proposed. */
const REFUSED: readonly (readonly [string[], RegExp, RegExp])[] = [
  [['deepseek-v9', '--fleet', 'four-gaming-pcs'], /MODEL_UNKNOWN .*deepseek-v9/, /deepseek-v3/],
  [['gpt-oss-20b'], /USAGE .*--fleet/, /--help/],
  [[], /USAGE .*model/, /--help/],
  [['gpt-oss-20b', '--fleet', 'no-such'], /FLEET_UNKNOWN .*no-such/, /four-gaming-pcs/],
  [['gpt-oss-20b', '--fleet', 'missing.yaml'], /FILE_NOT_FOUND .*missing\.yaml/, /path/],
  [[...FLEET, '--workload', 'chatt'], /WORKLOAD_UNKNOWN .*near: chat/, /chat/],
  [[...FLEET, '--vs', 'gb20'], /RACK_UNKNOWN .*gb20/, /gb200-nvl72/],
  [[...FLEET, '--weights', 'q4'], /USAGE .*--weights: "q4"/, /--help/],
  [[...FLEET, '--nic', '25'], /--nic.*without a unit; write it as in "25 Gbit\/s"/, /--help/],
  [[...FLEET, '--power-price', '0.3 EUR'], /--power-price.*"0\.30 USD\/kWh"/, /--help/],
  [[...FLEET, '--target-tpot', '50'], /--target-tpot.*without a unit/, /--help/],
  [[...FLEET, '--batch', '0'], /--batch.*from 1 to/, /--help/],
  [[...FLEET, '--batch', '1,,2'], /--batch.*commas/, /--help/],
  [[...FLEET, '--price', '-1'], /--price.*from 0 to/, /--help/],
  [[...FLEET, '--price', '1/2/3/4'], /--price.*one to three/, /--help/],
  [[...FLEET, '--replicas', '9'], /PLAN_INVALID --replicas: 9 .* has 4/, /Correct/],
  [[...FLEET, '--context', '100'], /USAGE --context: 100 tokens/, /--help/],
  [[...FLEET, '--vs-terms', 'gift'], /--vs-terms.*rent/, /--help/],
  [[...FLEET, '--html', '/no/such/folder/x.html'], /OUTPUT_UNWRITABLE .*x\.html/, /path/],
  [[...FLEET, '--budget', '9 USD'], /USAGE --budget .*--search/, /--help/],
  [[...FLEET, '--rented'], /USAGE --rented .*--search/, /--help/],
  [[...FLEET, '--search', '--budget', '9 USD'], /USAGE .*leave out --fleet/, /--help/],
  [[...FLEET, '--prompt', '90000'], /USAGE --context: 91024 .* sees 40960/, /--help/],
  [['gpt-oss-20b', '--search'], /USAGE .*--budget/, /--help/],
  [['gpt-oss-20b', '--search', '--budget', '5000'], /--budget.*without a unit/, /--help/],
  [
    ['gpt-oss-20b', '--search', '--budget', '1 USD', '--target-tps', '5'],
    /--budget and --target-tps/,
    /--help/,
  ],
  [
    ['gpt-oss-20b', '--search', '--budget', '1 USD', '--rented'],
    /--budget: rented .*USD\/h/,
    /--help/,
  ],
  [
    ['gpt-oss-20b', '--search', '--budget', '9000 USD', '--cards', 'rtx-9'],
    /CARD_UNKNOWN .*rtx-9/,
    /sputnik cards/,
  ],
  [
    ['gpt-oss-20b', '--search', '--budget', '9000 USD', '--nic', '3 Gbit/s'],
    /--nic: .*2\.5 GbE/,
    /--help/,
  ],
]

for (const [args, complaint, remedy] of REFUSED) {
  test(`plan ${args.join(' ')} is refused`, async () => {
    const { text, fix } = await refusal(args)
    assert.match(text, complaint)
    assert.match(fix, remedy)
  })
}

/** A field that is wrong in a file, and what is said of it. */
const WRONG: readonly (readonly [yaml: string, RegExp])[] = [
  ['head: { cards: [rtx-509], nic: 25 Gbit/s }', /CARD_UNKNOWN .*head\.cards\[0\].*rtx-5090/],
  ['head: { cards: [rtx-5090], nic: 25 }', /head\.nic.*"25 Gbit\/s"/],
  ['head: { cards: [rtx-5090] }', /head\.nic/],
  ['head: { nic: 1 Gbit/s }', /head\.cards/],
  ['head: { cards: [mi300x], nic: 1 Gbit/s }', /PRICE_UNKNOWN .*mi300x/],
  ['head: { cards: [rtx-5090], nic: 1 Gbit/s }\nreplicas: 3', /replicas/],
]

for (const [yaml, complaint] of WRONG) {
  test(`a fleet file with ${JSON.stringify(yaml)} is refused`, async () => {
    const path = file('wrong.yaml', `name: x\n${yaml}\n`)
    const { text, fix } = await refusal(['gpt-oss-20b', '--fleet', path])
    assert.match(text, complaint)
    assert.match(fix, /^[A-Z]/)
  })
}

test('a workload file with nonsense is refused', async () => {
  const path = file('work.yaml', 'name: x\nprompt: -5\noutput: 10\n')
  const { text } = await refusal([...FLEET, '--workload', path])
  assert.match(text, /^PLAN_INVALID .*prompt/)
})
