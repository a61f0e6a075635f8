/**
 * `sputnik fleet`: what the fleet of a running server looks like, once or live, and how people
 * change it. Knows nothing of how a fleet works.
 */
import { Command, InvalidArgumentError } from 'commander'
import type { FleetAction } from '../engine/protocol.js'
import { findNode } from '../fleet/find-node.js'
import { changeNode, fetchExperts, fetchFleet } from './fleet-client.js'
import { waitForDrain } from './fleet-drain.js'
import { formatExperts } from './fleet-heat.js'
import type { FleetServer } from './fleet-refusal.js'
import { type Domain, toKnown } from './fleet-schema.js'
import { columnsOf, listenForEnd } from './fleet-screen.js'
import { formatFleet } from './fleet-table.js'
import { showTop } from './fleet-top.js'
import { DEFAULT_PORT, integer, option } from './options.js'
import { printable } from './printable.js'
import { parseDuration } from './token.js'

type ReadOptions = FleetServer & { readonly json: boolean }
type DrainOptions = FleetServer & { readonly wait: boolean; readonly stall: number }

const LAYER_MAX = 1_000_000
const STALL_DEFAULT_MS = 600_000
/** What a shell reports of programs that Ctrl+C ended. */
const INTERRUPTED_STATUS = 130

const NODE_HELP = 'its id, its name if no other has it, or its number'

export function fleetCommand(): Command {
  return new Command('fleet')
    .description('show and change the domains of a running server')
    .addCommand(listCommand())
    .addCommand(topCommand())
    .addCommand(expertsCommand())
    .addCommand(drainCommand())
    .addCommand(
      changeCommand('evict', {
        help: 'end the link of a node at once and keep it out',
        done: 'is evicted; it comes back with a new join key, or after `sputnik fleet pardon`',
      }),
    )
    .addCommand(
      changeCommand('pardon', {
        help: 'end the draining or the eviction of a node, or that it is kept out',
        done: 'is pardoned',
      }),
    )
}

function listCommand(): Command {
  const command = new Command('ls')
    .description('list the domains, what they hold and what they did')
    .option('--json', 'print one JSON object', false)
  return addServerOptions(command).action(async ({ json, ...server }: ReadOptions) => {
    const fleet = await fetchFleet(server)
    print(json ? JSON.stringify(fleet, null, 2) : formatFleet(fleet, columnsOf()))
  })
}

function topCommand(): Command {
  const command = new Command('top')
    .description('show the domains at work, live; q ends it')
    .option('--json', 'print a JSON object for each change', false)
  return addServerOptions(command).action(({ json, ...server }: ReadOptions) =>
    showTop(server, { json }),
  )
}

function expertsCommand(): Command {
  const command = new Command('experts')
    .description('show how often each expert is called, and who holds it')
    .addOption(
      option('--layer <n>', 'only this layer').argParser(integer({ min: 0, max: LAYER_MAX })),
    )
    .option('--json', 'print one JSON object with all experts', false)
  return addServerOptions(command).action(
    async ({ json, layer, ...server }: ReadOptions & { readonly layer?: number }) => {
      const view = await fetchExperts(server, layer)
      print(json ? JSON.stringify(view) : formatExperts(view, columnsOf()))
    },
  )
}

function drainCommand(): Command {
  const command = new Command('drain')
    .description('move all pages of a node elsewhere, and wait until they are')
    .argument('<node>', NODE_HELP)
    .option('--no-wait', 'do not wait')
    .addOption(
      option('--stall <time>', 'give up after so long without a page that left: 30s, 10m')
        .argParser(parseDuration)
        .default(STALL_DEFAULT_MS, '10m'),
    )
  return addServerOptions(command).action(drain)
}

async function drain(node: string, { wait, stall, ...server }: DrainOptions): Promise<void> {
  const domain = await lookUp(server, node)
  await changeNode(server, { action: 'drain', node })
  const name = nameOf(domain, node)
  if (!wait || domain === undefined) print(`${name} is draining`)
  else if (await waitedForDrain(server, { domain, stallMs: stall })) print(`${name} holds nothing`)
  else {
    process.stderr.write(`${name} goes on draining\n`)
    process.exit(INTERRUPTED_STATUS)
  }
}

async function waitedForDrain(
  server: FleetServer,
  what: { readonly domain: Domain; readonly stallMs: number },
): Promise<boolean> {
  const end = new AbortController()
  const deafen = listenForEnd(end)
  try {
    return await waitForDrain({ server, ...what, signal: end.signal })
  } finally {
    deafen()
  }
}

function changeCommand(
  action: Exclude<FleetAction, 'drain'>,
  { help, done }: { readonly help: string; readonly done: string },
): Command {
  const command = new Command(action).description(help).argument('<node>', NODE_HELP)
  return addServerOptions(command).action(async (node: string, server: FleetServer) => {
    // Afterwards it may not be listed any more.
    const domain = await lookUp(server, node)
    await changeNode(server, { action, node })
    print(`${nameOf(domain, node)} ${done}`)
  })
}

/** The domain that is meant; undefined when the head has to say what is wrong. */
async function lookUp(server: FleetServer, node: string): Promise<Domain | undefined> {
  const { domains } = await fetchFleet(server)
  try {
    return findNode(domains.map(toKnown), node)
  } catch {
    return undefined
  }
}

/** With its id, so that people see which node they meant. */
function nameOf(domain: Domain | undefined, said: string): string {
  return printable(domain === undefined ? said : `${domain.name} (${domain.nodeId})`)
}

function addServerOptions(command: Command): Command {
  return command
    .addOption(
      option('--url <url>', 'address of the server')
        .argParser(parseUrl)
        .default(`http://127.0.0.1:${DEFAULT_PORT}`),
    )
    .addOption(option('--api-key <key>', 'key of the server'))
}

/** A base URL as clients of the API have it, with `/v1` or without. */
export function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError('It must be a URL such as http://127.0.0.1:10457.')
  }
  return `${url.origin}${url.pathname.replace(/\/(v1\/?)?$/, '')}`
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
