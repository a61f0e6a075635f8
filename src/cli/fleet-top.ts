/** `sputnik fleet top`: the fleet at work, drawn anew every second. */
import { watchFleet } from './fleet-client.js'
import { type FleetRates, ratesBetween } from './fleet-rates.js'
import type { FleetServer } from './fleet-refusal.js'
import type { FleetAnswer, FleetEvent } from './fleet-schema.js'
import { listenForEnd, openScreen } from './fleet-screen.js'
import { formatTop } from './fleet-table.js'
import { MoveProgress } from './move-progress.js'

const DRAW_MS = 1_000
/** After so long without a change nothing moves any more. */
const QUIET_MS = 2_500
const NO_RATES: FleetRates = new Map()

type Drawing = {
  readonly show: (event: FleetEvent) => void
  readonly end: () => void
}

export async function showTop(
  server: FleetServer,
  { json }: { readonly json: boolean },
): Promise<void> {
  const end = new AbortController()
  const deafen = listenForEnd(end)
  let drawing: Drawing | undefined
  try {
    for await (const event of watchFleet(server, end.signal)) {
      // The terminal is taken once there is something to show, so that errors stay readable.
      drawing ??= json ? jsonLines() : startDrawing()
      drawing.show(event)
    }
  } finally {
    drawing?.end()
    deafen()
  }
}

/** A line for each change. */
function jsonLines(): Drawing {
  return {
    show: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
    end: () => {},
  }
}

type Shown = {
  readonly fleet: FleetAnswer
  readonly rates: FleetRates
  readonly atMs: number
}

/** Draws once a second whatever comes, so that rates fall to zero when the fleet is quiet. */
function startDrawing(): Drawing {
  const screen = openScreen()
  const progress = new MoveProgress()
  let shown: Shown | undefined
  const draw = (): void => {
    if (shown === undefined) return
    const isQuiet = performance.now() - shown.atMs > QUIET_MS
    const { fleet } = shown
    const rates = isQuiet ? NO_RATES : shown.rates
    screen.draw(formatTop({ fleet, rates, progress }, screen.columns()))
  }
  const timer = setInterval(draw, DRAW_MS)
  return {
    show: (event) => {
      const isFirst = shown === undefined
      const rates = shown === undefined ? NO_RATES : ratesBetween(shown.fleet, event)
      shown = { fleet: event, rates, atMs: performance.now() }
      progress.note(event.toMove, shown.atMs)
      if (isFirst) draw()
    },
    end: () => {
      clearInterval(timer)
      screen.close()
    },
  }
}
