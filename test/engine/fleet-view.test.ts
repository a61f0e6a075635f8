import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTier, tierOfDevice, viewExperts, viewPlacement } from '../../src/engine/fleet-view.js'
import { Usage } from '../../src/fleet/usage.js'
import { Directory } from '../../src/pages/directory.js'
import type { Page } from '../../src/pages/holder-table.js'

const regions = [
  { layer: 1, group: '', experts: 2, pageBytes: 10 },
  { layer: 2, group: 'ch', experts: 3, pageBytes: 100 },
] as const

/** Domain 0 holds all, domain 4 the first page too; then domain 0 is lost. */
function newDirectory(): Directory {
  const directory = new Directory(regions, 2)
  directory.place([
    [0, 0],
    [0, 0, 0],
  ])
  const change = directory.stage([{ region: 0, expert: 0, to: 4 }])
  directory.reportMapped({ change, domain: 4, pages: [{ region: 0, expert: 0 }] })
  directory.commit()
  return directory
}

test('viewPlacement counts pages with too few holders and with none', () => {
  const directory = newDirectory()
  const { epoch, ...view } = viewPlacement({ directory, regions })
  assert.equal(epoch, directory.epoch)
  assert.deepEqual(view, { replicas: 2, pages: 5, pageBytes: 320, orphans: 0, short: 4 })
  directory.removeDomain(0)
  const after = viewPlacement({ directory, regions })
  assert.deepEqual([after.orphans, after.short], [4, 5])
})

test('viewExperts tells calls, holders and tiers of each expert', () => {
  const calls = new Usage(regions)
  const choice = (experts: number[]) => {
    const weights = new Float32Array(experts.length)
    return { tokens: experts.length / 2, nUsed: 2, experts: new Int32Array(experts), weights }
  }
  calls.note(choice([0, 2, 2, -1]), 1)
  calls.note(choice([2, 99]), 1)
  calls.note(choice([0, 1]), 7)
  const domains = [{ id: 0, name: 'card 0' }]
  const tierOf = (domain: number, { region, expert }: Page) => {
    // It has lost the card that the page was on.
    if (region === 1 && expert === 1) return undefined
    return domain === 4 ? 'device' : 'host'
  }
  const view = viewExperts({ directory: newDirectory(), regions, calls, domains, tierOf })
  assert.deepEqual(view.layers, [
    { layer: 1, group: '', calls: [0, 0], holders: [[0, 4], [0]], tiers: ['hd', 'h'] },
    {
      layer: 2,
      group: 'ch',
      calls: [1, 0, 3],
      holders: [[0], [], [0]],
      tiers: ['h', '', 'h'],
    },
  ])
  assert.deepEqual(view.domains, domains)
})

test('tiers by device', () => {
  const tiers = ['cpu', 'CPU', 'cuda0', 'metal'].map(tierOfDevice)
  assert.deepEqual(tiers, ['host', 'host', 'device', 'device'])
  assert.deepEqual(inTier('host', 5), { device: 0, host: 5, disk: 0 })
})
