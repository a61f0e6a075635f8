/**
 * One of the heads of `heads`: lets a domain in through a door for each kind of budget, and sends
 * it dispatches one after the other. Argument: a `HeadStart` in JSON.
 */
import { join } from 'node:path'
import { loadIdentity } from '../src/fabric/identity.js'
import {
  type Budget,
  type FromHead,
  type HeadStart,
  monotonicMs,
  type ToHead,
  type Turn,
} from './heads-shared.js'
import { type Door, type OpenedHead, openHead, runRound, whenOpen } from './star-fabrics.js'

const REPLY_BYTES = 512
/** Without being polled, a link does not say which credit it did not use. */
const LOOK_MS = 50

const { folder, host } = JSON.parse(process.argv[2] ?? '') as HeadStart
const identity = loadIdentity(folder)
const tell = (message: FromHead): void => void process.send?.(message)

const doors: Partial<Record<Budget, Door>> = {}
const sides: Record<Budget, OpenedHead> = {
  shared: open('shared'),
  apart: open('apart'),
  none: open('none'),
}
let step = 0

process.on('message', (message: ToHead) => tell({ kind: 'done', ms: runTurn(message) }))
process.on('disconnect', () => process.exit())
whenOpen(Object.values(sides), 1, () => {
  setInterval(() => {
    for (const { links } of Object.values(sides)) for (const link of links) link.poll()
  }, LOOK_MS)
  tell({ kind: 'opened' })
})

function open(budget: Budget): OpenedHead {
  const onDoor = (door: Door): void => {
    doors[budget] = door
    const { shared, apart, none } = doors
    if (shared && apart && none) tell({ kind: 'doors', doors: { shared, apart, none } })
  }
  const stateFolder = join(folder, budget)
  const isCredited = budget !== 'none'
  return openHead({ identity, host, stateFolder, nodes: 1, isCredited, onDoor })
}

function runTurn({ budget, bytes, fromMs, untilMs }: Turn): number[] {
  const side = sides[budget]
  const counted: number[] = []
  while (monotonicMs() < untilMs) {
    const ms = runRound(side, { step: ++step, bytes, replyBytes: REPLY_BYTES })
    const ended = monotonicMs()
    if (ended >= fromMs && ended < untilMs) counted.push(ms)
  }
  return counted
}
