/**
 * The head of `incast`: lets nodes in through two doors, with credits and without, and asks all of
 * them at once for replies, round by round. Argument: a `HeadStart` in JSON.
 */
import { join } from 'node:path'
import { loadIdentity } from '../src/fabric/identity.js'
import type { FromHead, HeadStart, Rounds, ToHead } from './incast-shared.js'
import { type Door, openHead, runRound, whenOpen } from './star-fabrics.js'

const DISPATCH_BYTES = 512

const { folder, host, nodes } = JSON.parse(process.argv[2] ?? '') as HeadStart
const identity = loadIdentity(folder)
const tell = (message: FromHead): void => void process.send?.(message)

const doors: Door[] = []
const sides = [true, false].map((isCredited) => {
  const stateFolder = join(folder, isCredited ? 'credits' : 'free')
  return openHead({ identity, host, stateFolder, nodes, isCredited, onDoor })
})
let step = 0

process.on('message', (message: ToHead) => tell(measure(message)))
process.on('disconnect', () => process.exit())
whenOpen(sides, nodes, () => tell({ kind: 'opened' }))

function onDoor(door: Door): void {
  doors.push(door)
  if (doors.length === sides.length) tell({ kind: 'doors', doors })
}

function measure({ isCredited, replyBytes, rounds }: Rounds): FromHead {
  const side = sides[isCredited ? 0 : 1]
  if (side === undefined) throw new Error('no links')
  const ms: number[] = []
  for (let round = 0; round < rounds; round++) {
    ms.push(runRound(side, { step: ++step, bytes: DISPATCH_BYTES, replyBytes }))
  }
  const { bytesPerSecond, balance } = side.fabric.credits
  return { kind: 'done', ms, bytesPerSecond, window: balance.window }
}
