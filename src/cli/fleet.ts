/**
 * `sputnik fleet`: what the fleet of a running server looks like, once or live. Knows nothing of
 * how a fleet works.
 */
import { Command, InvalidArgumentError } from 'commander'
import { type FleetAnswer, type FleetServer, fetchFleet, watchFleet } from './fleet-client.js'
import { listenForEnd, openScreen } from './fleet-screen.js'
import { type FleetRates, formatFleet, formatRates, ratesBetween } from './fleet-table.js'
import { DEFAULT_PORT, option } from './options.js'

const DRAW_MS = 1_000
/** After so long without a change nothing moves any more. */
const QUIET_MS = 2_500
const NO_RATES: FleetRates = new Map()

export function fleetCommand(): Command {
  return new Command('fleet')
    .description('show the domains of a running server')
    .addCommand(listCommand())
    .addCommand(topCommand())
}

function listCommand(): Command {
  const command = new Command('ls')
    .description('list the domains, what they hold and what they did')
    .option('--json', 'print one JSON object', false)
  return addServerOptions(command).action(
    async ({ json, ...server }: FleetServer & { readonly json: boolean }) => {
      const fleet = await fetchFleet(server)
      process.stdout.write(`${json ? JSON.stringify(fleet, null, 2) : formatFleet(fleet)}\n`)
    },
  )
}

function topCommand(): Command {
  const command = new Command('top').description('show the domains at work, live; q ends it')
  return addServerOptions(command).action(showTop)
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

type Shown = {
  readonly fleet: FleetAnswer
  readonly rates: FleetRates
  readonly atMs: number
}

async function showTop(server: FleetServer): Promise<void> {
  const end = new AbortController()
  const deafen = listenForEnd(end)
  let drawing: Drawing | undefined
  try {
    for await (const event of watchFleet(server, end.signal)) {
      // The terminal is taken once there is something to show, so that errors stay readable.
      drawing ??= startDrawing()
      drawing.show(event)
    }
  } finally {
    drawing?.end()
    deafen()
  }
}

type Drawing = {
  readonly show: (event: Parameters<typeof ratesBetween>[1]) => void
  readonly end: () => void
}

/** Draws once a second whatever comes, so that rates fall to zero when the fleet is quiet. */
function startDrawing(): Drawing {
  const screen = openScreen()
  let shown: Shown | undefined
  const draw = (): void => {
    if (shown === undefined) return
    const isQuiet = performance.now() - shown.atMs > QUIET_MS
    screen.draw(formatRates(shown.fleet, isQuiet ? NO_RATES : shown.rates))
  }
  const timer = setInterval(draw, DRAW_MS)
  return {
    show: (event) => {
      const isFirst = shown === undefined
      const rates = shown === undefined ? NO_RATES : ratesBetween(shown.fleet, event)
      shown = { fleet: event, rates, atMs: performance.now() }
      if (isFirst) draw()
    },
    end: () => {
      clearInterval(timer)
      screen.close()
    },
  }
}
