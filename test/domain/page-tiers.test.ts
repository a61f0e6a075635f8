/** What a head knows of the memory that each page of a domain is in: a domain with two tiers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PageAt } from '../../src/fabric/control.js'
import type { RemoteDomain } from '../../src/fleet/remote-domain.js'
import { loadLibraries } from '../../src/native/library.js'
import { HolderTable } from '../../src/pages/holder-table.js'
import { linkOf, remoteDomain } from '../fleet/remote.js'
import { copyOf } from './fake-card.js'
import { DomainWorld, EXPERTS, PAGE_BYTES } from './support.js'

loadLibraries('cpu')

const REGIONS = 2
const TIERS = ['device', 'host'] as const
const STATUS_MS = 300

const PAGES: readonly PageAt[] = Array.from({ length: REGIONS * EXPERTS }, (_, at) => {
  return { region: Math.floor(at / EXPERTS), expert: at % EXPERTS }
})

/** A GPU with room for a few pages, the machine's memory for all; and the head of both. */
class TwoTiers {
  readonly world = new DomainWorld({
    ...{ cards: 2, regions: REGIONS },
    specs: [
      { device: 'cuda0', tier: 'device', memoryBytes: 8 * PAGE_BYTES },
      { device: 'cpu', tier: 'host' },
    ],
  })
  readonly head: RemoteDomain

  constructor() {
    const { world } = this
    world.open()
    this.head = remoteDomain({
      id: 3,
      link: linkOf({
        send: (frame, bytes) => world.receive(copyOf({ buffer: frame, bytes })),
        poll: () => world.toHead.shift(),
      }),
      table: new HolderTable(Array.from({ length: REGIONS }, () => ({ experts: EXPERTS }))),
    })
  }

  /** Until the head has heard all there is. */
  settle(): void {
    this.world.run()
    this.world.tick(STATUS_MS)
    this.world.run()
    assert.equal(this.head.link?.poll(), undefined)
  }

  /** Tiers of all pages, as the head knows them. */
  known(): Array<string | undefined> {
    return PAGES.map((page) => this.head.tierOf(page))
  }

  /** As they are. */
  real(): Array<string | undefined> {
    return PAGES.map(({ region, expert }) => {
      const card = this.world.cards.findIndex(({ held }) => held.has(`${region} ${expert}`))
      return TIERS[card]
    })
  }

  /** So often that nobody waits for it any more. */
  giveUp(card: number): void {
    for (let tries = 0; tries < 4; tries++) {
      if (tries > 0) this.awaitRestart()
      this.world.restarts.splice(0)
      this.world.kill(card)
    }
  }

  awaitRestart(): void {
    for (let i = 0; i < 4000 && this.world.restarts.length === 0; i++) this.world.tick(10)
  }
}

const pick = (experts: readonly number[]): PageAt[] => experts.flatMap((at) => PAGES[at] ?? [])
const somePages = fc.uniqueArray(fc.nat(PAGES.length - 1), { minLength: 1 })
const change = fc.oneof(
  fc.record({ kind: fc.constant('map' as const), at: somePages }),
  fc.record({ kind: fc.constant('unmap' as const), at: somePages }),
  fc.record({ kind: fc.constant('kill' as const), at: fc.constantFrom([0], [1]) }),
)

test('a head knows the tier of each page, whatever moves and whichever card is lost', () => {
  const seen = new Set<string | undefined>()
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const two = new TwoTiers()
      for (const { kind, at } of changes) {
        if (kind === 'kill') two.world.kill(at[0] ?? 0)
        else two.head[kind](pick(at))
        two.awaitRestart()
        two.settle()
        const known = two.known()
        assert.deepEqual(known, two.real())
        for (const tier of known) seen.add(tier)
      }
    }),
    { numRuns: 40 },
  )
  assert.deepEqual(seen, new Set([undefined, 'device', 'host']))
})

test('pages of a card that is started again keep its tier, those of one given up have none', () => {
  const two = new TwoTiers()
  two.head.map(PAGES)
  two.settle()
  const before = two.known()
  assert.equal(before.filter((tier) => tier === 'device').length, 8)
  two.world.kill(0)
  assert.equal(two.head.link?.poll(), undefined)
  assert.deepEqual(two.known(), before)
  two.giveUp(0)
  two.world.tick(STATUS_MS)
  assert.equal(two.head.link?.poll(), undefined)
  const without = before.map((tier) => (tier === 'host' ? tier : undefined))
  assert.deepEqual(two.known(), without)
  two.awaitRestart()
  two.settle()
  assert.deepEqual(two.known(), without)
  assert.deepEqual(two.known(), two.real())
  two.head.map(PAGES)
  two.settle()
  assert.deepEqual(two.known(), two.real())
  assert.deepEqual(new Set(two.known()), new Set(TIERS))
})

test('pages that a given-up card had are known to be where they are mapped instead', () => {
  const two = new TwoTiers()
  two.head.map(PAGES)
  two.settle()
  two.giveUp(0)
  two.world.tick(STATUS_MS)
  assert.equal(two.head.link?.poll(), undefined)
  two.head.map(PAGES)
  two.world.supply()
  for (let i = 0; i < 4; i++) {
    while (two.world.cards[1]?.work()) two.world.hear(1)
  }
  assert.equal(two.head.link?.poll(), undefined)
  assert.deepEqual(new Set(two.known()), new Set(['host']))
})
