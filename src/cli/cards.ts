/** `sputnik cards`: what the catalogue knows of cards and racks. Needs no native library. */
import { Command } from 'commander'
import { CARDS, findCard } from '../plan/catalog/catalogue.js'
import { explainCard } from '../plan/catalog/explain.js'
import { lintCard, lintRack } from '../plan/catalog/lint.js'
import { lookUpRack, RACKS } from '../plan/catalog/racks.js'
import { formatExplanation } from './cards-explain.js'
import { formatCard, formatCatalogue, formatRack } from './cards-table.js'

type JsonOption = { readonly json?: boolean }

/** Of a pipe, which has no width of its own. */
const PIPE_COLUMNS = 200
const LINT_STATUS = 1
const JSON_HELP = 'print one JSON object'
const CARD_HELP = 'a card of the catalogue, such as rtx-5090'

export function cardsCommand(): Command {
  const command = new Command('cards')
    .description('list the cards that plans are made of, with rates, memory, power and prices')
    .option('--json', JSON_HELP)
    .action((options: JsonOption) => print(options, { cards: CARDS, racks: RACKS }, listText))
  return command.addCommand(showCommand()).addCommand(explainCommand()).addCommand(lintCommand())
}

function showCommand(): Command {
  return new Command('show')
    .description('show every figure of a card or rack with its source and how far it is trusted')
    .argument('<card>', `${CARD_HELP}, or a rack, such as 8xh100`)
    .option('--json', JSON_HELP)
    .action((id: string, _: JsonOption, command: Command) => {
      const rack = lookUpRack(id)
      const found = rack ?? findCard(id)
      const text = () => ('card' in found ? formatRack(found) : formatCard(found))
      print(command.optsWithGlobals(), found, text)
    })
}

function explainCommand(): Command {
  return new Command('explain')
    .description('show by arithmetic what the rates of a card say of how it is built')
    .argument('<card>', CARD_HELP)
    .option('--json', JSON_HELP)
    .action((id: string, _: JsonOption, command: Command) => {
      const explanation = explainCard(findCard(id))
      print(command.optsWithGlobals(), explanation, () => formatExplanation(explanation))
    })
}

function lintCommand(): Command {
  return new Command('lint')
    .description('check all figures: FLOP per clock and unit, ratios of formats, units, dates')
    .option('--json', JSON_HELP)
    .action((_: JsonOption, command: Command) => {
      const problems = [...CARDS.flatMap(lintCard), ...RACKS.flatMap(lintRack)]
      print(command.optsWithGlobals(), { problems }, () => lintText(problems))
      if (problems.length > 0) process.exitCode = LINT_STATUS
    })
}

function listText(): string {
  return formatCatalogue(CARDS, RACKS, process.stdout.columns ?? PIPE_COLUMNS)
}

function lintText(problems: readonly string[]): string {
  const rates = CARDS.reduce((sum, card) => sum + card.rates.length, 0)
  const checked = `${CARDS.length} cards with ${rates} rates, ${RACKS.length} racks`
  return [...problems, `${checked}: ${problems.length} problems`].join('\n')
}

function print<T>({ json }: JsonOption, result: T, text: () => string): void {
  process.stdout.write(`${json === true ? JSON.stringify(result) : text()}\n`)
}
