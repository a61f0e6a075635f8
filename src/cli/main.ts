#!/usr/bin/env node
/**
 * The command `sputnik`: finds the sub-command, loads only that one, prints errors. Knows nothing
 * of what the commands do.
 */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { ERRORS } from '../base/errors.js'
import { reportError, writeError } from './report.js'

type CommandEntry = {
  readonly name: string
  /** Shown by `sputnik --help`, which loads no command. */
  readonly description: string
  readonly load: () => Promise<Command>
}

const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'demo',
    description: 'let the model in the box tell a story, its experts on three cards',
    load: async () => (await import('./demo.js')).demoCommand(),
  },
  {
    name: 'serve',
    description: 'serve a model over an OpenAI-compatible HTTP API',
    load: async () => (await import('./serve.js')).serveCommand(),
  },
  {
    name: 'run',
    description: 'answer one prompt on stdout',
    load: async () => (await import('./run.js')).runCommand(),
  },
  {
    name: 'inspect',
    description: 'show what a model file holds',
    load: async () => (await import('./inspect.js')).inspectCommand(),
  },
  {
    name: 'verify',
    description: 'compare cards with plain libllama on a model',
    load: async () => (await import('./verify.js')).verifyCommand(),
  },
  {
    name: 'bench',
    description: 'measure plain libllama, the local domain and cards on a model',
    load: async () => (await import('./bench.js')).benchCommand(),
  },
  {
    name: 'token',
    description: 'make, list and revoke the keys with which machines join',
    load: async () => (await import('./token.js')).tokenCommand(),
  },
  {
    name: 'join',
    description: 'lend the cards of this machine to a head',
    load: async () => (await import('./join.js')).joinCommand(),
  },
  {
    name: 'fleet',
    description: 'show and change the domains of a running server',
    load: async () => (await import('./fleet.js')).fleetCommand(),
  },
  {
    name: 'cards',
    description: 'list the cards that plans are made of, with sources and prices',
    load: async () => (await import('./cards.js')).cardsCommand(),
  },
  {
    name: 'plan',
    description: 'tell whether a model fits a fleet, how fast, and what a token costs',
    load: async () => (await import('./plan.js')).planCommand(),
  },
  {
    name: 'sim',
    description: 'simulate a network packet by packet, or a day of serving',
    load: async () => (await import('./sim.js')).simCommand(),
  },
  {
    name: 'doctor',
    description: 'check whether this machine can run sputnik, and what would help',
    load: async () => (await import('./doctor.js')).doctorCommand(),
  },
]

const USAGE_STATUS = ERRORS.USAGE.exit
/** What a shell reports of programs that SIGPIPE ended. */
const PIPE_STATUS = 141

async function main(args: readonly string[]): Promise<number> {
  const program = await buildProgram(args)
  try {
    await program.parseAsync(args, { from: 'user' })
    // A command that ends without an error may have more to say.
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_STATUS
    return reportError(error)
  }
}

async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('sputnik')
    .description('Serve Mixture-of-Experts models with the attention apart from the experts.')
    .version(packageVersion(), '-V, --version')
    .showHelpAfterError('(add --help for what is possible)')
  // `help serve` shows the options of serve, so it loads it as `serve` does.
  const wanted = args[0] === 'help' ? args[1] : args[0]
  for (const entry of COMMANDS) {
    const command = entry.name === wanted ? await entry.load() : stub(entry)
    program.addCommand(command)
  }
  adaptErrors(program)
  return program
}

function stub({ name, description }: CommandEntry): Command {
  return new Command(name).description(description)
}

/** Commander's own complaints in the shape of all others: `USAGE  text`, then the fix. */
function adaptErrors(command: Command): void {
  command.exitOverride()
  command.configureOutput({
    outputError: (text) => {
      const message = text.replace(/^error: /, '').trim()
      if (message.startsWith('(add --help')) return
      writeError('USAGE', message, ERRORS.USAGE.fix)
    },
  })
  for (const child of command.commands) adaptErrors(child)
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

// The reader of a pipe may leave early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(PIPE_STATUS)
  throw error
})

process.exitCode = await main(process.argv.slice(2))
