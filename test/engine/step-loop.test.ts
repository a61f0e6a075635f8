import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/base/log.js'
import { StepLoop } from '../../src/engine/step-loop.js'
import { controlFrame } from '../../src/fabric/control.js'
import { FRAME } from '../../src/fabric/frame.js'
import { Fleet } from '../../src/fleet/fleet.js'
import { FleetLog } from '../../src/fleet/fleet-log.js'
import type { RemoteDomain } from '../../src/fleet/remote-domain.js'
import type { NativeBuffer } from '../../src/native/memory.js'
import { linkOf, NODE_ID, remoteDomain } from '../fleet/remote.js'

/** One domain that is about to say something, and the loop that hears it. */
function fleetOf(frames: NativeBuffer[]): { loop: StepLoop; domain: RemoteDomain; log: FleetLog } {
  const news = new FleetLog(() => 0)
  const fleet = new Fleet(
    {
      regions: [{ experts: 2, pageBytes: 1 }],
      ...{ own: [], ownBytes: 0, isSpare: false, replicas: 1, news },
      placement: [[-1, -1]],
      log: createLogger({ level: 'error', part: 'test' }),
    },
    0,
  )
  const id = fleet.admit(NODE_ID, 0)
  const link = linkOf({ send: () => {}, poll: () => frames.shift() })
  const domain = remoteDomain({ id, link, table: fleet.directory.table })
  fleet.add(domain, 0)
  const loop = new StepLoop({
    ...{ fleet, ownCount: 0, spinUs: 0, yield: () => {}, now: () => 0, expect: () => {} },
    format: { dispatch: 'f32', combine: 'f32', isSummed: true },
  })
  return { loop, domain, log: news }
}

test('a domain that says what makes no sense is let go, and whoever looks goes on', () => {
  const frames = [controlFrame(FRAME.mapped, { id: 'x' })]
  const { loop, domain, log } = fleetOf(frames)
  loop.idle()
  assert.equal(domain.link, undefined)
  const { name, text } = log.changes.find(({ kind }) => kind === 'lost') ?? {}
  assert.equal(name, 'attic')
  assert.match(text ?? '', /control message is wrong: id/)
  loop.idle()
})
