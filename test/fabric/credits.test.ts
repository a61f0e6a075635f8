import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TRANSFERS_MAX } from '../../src/fabric/credit-account.js'
import { CreditGranter } from '../../src/fabric/credit-granter.js'
import { CreditSender } from '../../src/fabric/credit-sender.js'
import { CreditWorld } from '../support/credit-world.js'

const LEASE_US = 200_000

type Step = readonly [action: (typeof ACTIONS)[number], which: number, amount: number]
const ACTIONS = [
  'deliver',
  'deliver',
  'deliver',
  'repeat',
  'ask',
  'offer',
  'wait',
  'pause',
  'lose',
  'stop',
  'resume',
] as const

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(fc.constantFrom(...ACTIONS), fc.nat({ max: 999 }), fc.integer({ min: 1, max: 60_000 })),
  { maxLength: 120 },
)

function act(world: CreditWorld, [action, which, amount]: Step): void {
  const peer = which % world.peers
  if (action === 'deliver') world.deliver(which)
  else if (action === 'repeat') world.repeat(which)
  else if (action === 'ask') world.ask(Array.from({ length: peer + 1 }, () => amount))
  else if (action === 'offer') world.offer(peer, amount)
  else if (action === 'wait') world.wait(amount % 1000)
  else if (action === 'pause') world.wait(amount * 8)
  else if (action === 'lose') world.lose(peer, { keepsEvery: 1 + (amount % 3) })
  else if (action === 'stop') world.stop(peer)
  else world.resumeAll()
}

for (const isStanding of [false, true]) {
  test(`CreditGranter keeps its books and ends every transfer, standing credit ${isStanding}`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), steps, (peers, list) => {
        const world = new CreditWorld(peers, { isStanding })
        for (const step of list) act(world, step)
        assert.ok(world.settle(), 'a transfer waits for ever')
        world.wait(LEASE_US)
        assert.ok(world.settle())
      }),
      { seed: 11, numRuns: 300 },
    )
  })
}

test('CreditGranter keeps the same books when all messages come twice', () => {
  const plain = steps.map((list) => list.filter(([action]) => action !== 'repeat'))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), plain, (peers, list) => {
      const world = new CreditWorld(peers, { isRepeating: true })
      for (const step of list) act(world, step)
      assert.ok(world.settle())
    }),
    { seed: 12, numRuns: 200 },
  )
})

test('CreditGranter gives every ready peer its turn', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 2, maxLength: 16 }),
      (sizes) => {
        const world = new CreditWorld(sizes.length)
        const arrived = (peer: number): number => {
          const all = [...world.transfers.values()].filter((one) => one.peer === peer)
          return all.reduce((sum, one) => sum + one.arrived, 0)
        }
        world.ask(sizes)
        for (let turn = 0; turn < 600 && !world.isDone; turn++) {
          world.nowUs += 100
          if (world.flying.length > 0) world.deliver(0)
          else world.wait(100)
          const waiting = sizes.map((size, peer) => [size, arrived(peer)] as const)
          const least = Math.min(
            ...waiting.filter(([size, got]) => got < size).map(([, got]) => got),
          )
          const most = Math.max(...waiting.map(([, got]) => got))
          // One window, which may all be one peer's first, and a turn.
          if (!world.isDone) assert.ok(most - least <= 2 * world.granter.balance.window)
        }
      },
    ),
    { seed: 13, numRuns: 40 },
  )
})

test('requestAll grants whole replies at once where they fit', () => {
  const granter = new CreditGranter()
  for (let peer = 0; peer < 4; peer++) granter.connected({ peer, generation: 1 }, 0)
  const requests = [0, 1, 2, 3].map((peer) => ({ peer, transfer: 0, bytes: 2000 + peer }))
  const grants = granter.requestAll(requests, 0)
  assert.deepEqual(
    [...grants.values()].map((grant) => grant.grantedBytes),
    [2000, 2001, 2002, 2003],
  )
  assert.equal(granter.takeGrants().size, 0)
})

test('requestAll grants equal first parts where the whole does not fit', () => {
  const granter = new CreditGranter()
  for (let peer = 0; peer < 5; peer++) granter.connected({ peer, generation: 1 }, 0)
  const sizes = [600, 100_000, 100_000, 100_000, 100_000]
  const requests = sizes.map((bytes, peer) => ({ peer, transfer: 0, bytes }))
  const parts = [...granter.requestAll(requests, 0).values()].map((grant) => grant.grantedBytes)
  assert.equal(parts[0], 600)
  assert.ok((parts[1] ?? 0) > 0)
  assert.deepEqual(parts.slice(1), new Array(4).fill(parts[1]))
  const { outstanding, window } = granter.balance
  assert.ok(outstanding < window, 'nothing is left for those who are ready first')
})

test('CreditGranter lets one ready peer use what those still computing leave', () => {
  const world = new CreditWorld(16)
  for (let peer = 1; peer < 16; peer++) world.stop(peer)
  world.ask(new Array(16).fill(50_000))
  for (let turn = 0; turn < 2000 && world.transfers.get(0)?.arrived !== 50_000; turn++) {
    if (world.flying.length > 0) world.deliver(0)
    world.nowUs += 20
    world.granter.tick(world.nowUs)
    world.collect()
  }
  assert.equal(world.transfers.get(0)?.arrived, 50_000)
  assert.ok(world.nowUs < LEASE_US, 'only a lease freed the window')
})

test('CreditGranter takes credit of a silent peer back after two leases', () => {
  const world = new CreditWorld(2)
  world.stop(0)
  world.ask([40_000, 40_000])
  for (let turn = 0; turn < 500 && world.transfers.get(1)?.arrived !== 40_000; turn++) {
    world.deliver(0)
    world.wait(100)
  }
  assert.ok(world.granter.balance.outstanding > 0)
  world.nowUs += 2 * LEASE_US
  world.granter.tick(world.nowUs)
  const { outstanding, writtenOff } = world.granter.balance
  assert.equal(outstanding, 0)
  assert.ok(writtenOff > 0)
  assert.ok(world.settle())
  assert.equal(world.granter.balance.writtenOff, 0)
})

test('lost names unfinished transfers and frees the window', () => {
  const granter = new CreditGranter()
  granter.connected({ peer: 3, generation: 1 }, 0)
  granter.request({ peer: 3, transfer: 7, bytes: 3000 }, 0)
  granter.request({ peer: 3, transfer: 8, bytes: 1000 }, 0)
  granter.arrived({ peer: 3, generation: 1, transfer: 8, bytes: 1000 }, 5)
  assert.deepEqual(granter.lost({ peer: 3, generation: 1 }, 9), [7])
  assert.equal(granter.balance.outstanding, 0)
  assert.equal(granter.balance.returned, 3000)
  assert.deepEqual(granter.lost({ peer: 3, generation: 1 }, 9), [])
})

test('connected takes the place of an older connection', () => {
  const granter = new CreditGranter()
  granter.connected({ peer: 1, generation: 4 }, 0)
  granter.request({ peer: 1, transfer: 2, bytes: 500 }, 0)
  assert.deepEqual(granter.connected({ peer: 1, generation: 6 }, 1), [2])
  granter.arrived({ peer: 1, generation: 4, transfer: 2, bytes: 500 }, 2)
  assert.equal(granter.balance.arrived, 0)
  assert.throws(() => granter.connected({ peer: 1, generation: 6 }, 3), /must rise/)
})

test('the last of a shorter answer leaves nothing open', () => {
  const granter = new CreditGranter()
  granter.connected({ peer: 1, generation: 1 }, 0)
  granter.request({ peer: 1, transfer: 1, bytes: 90_000 }, 0)
  granter.arrived({ peer: 1, generation: 1, transfer: 1, bytes: 100 }, 1)
  granter.arrived({ peer: 1, generation: 1, transfer: 1, bytes: 0, isLast: true }, 1)
  const { granted } = granter.balance
  granter.tick(1_000_000)
  assert.equal(granter.balance.granted, granted)
})

test('CreditSender gets credit for an answer longer than was asked for', () => {
  const world = new CreditWorld(1)
  const grant = world.granter.request({ peer: 0, transfer: 500, bytes: 100 }, 0)
  assert.ok(grant)
  world.sender(0).granted(grant, 0)
  world.sender(0).offer({ transfer: 500, bytes: 30_000, isExpected: true }, 0)
  world.collect()
  assert.ok(world.settle())
  for (let turn = 0; turn < 500 && world.sender(0).backlogBytes > 0; turn++) {
    world.wait(10_000)
    while (world.flying.length > 0) world.deliver(0)
  }
  assert.equal(world.sender(0).backlogBytes, 0)
  assert.equal(world.granter.balance.arrived, 30_000)
})

test('CreditGranter bounds what it keeps of one peer', () => {
  const granter = new CreditGranter()
  granter.connected({ peer: 0, generation: 1 }, 0)
  const want = (transfer: number) => {
    const endBytes = (transfer + 1) * 1000
    const message = { kind: 'want', generation: 1, transfer, bytes: 1000, endBytes } as const
    granter.wanted(0, { want: message, nowUs: 0 })
  }
  for (let transfer = 0; transfer < TRANSFERS_MAX; transfer++) want(transfer)
  assert.throws(() => want(TRANSFERS_MAX), { code: 'FRAME_INVALID' })
  assert.equal(granter.takeGrants().size, 1)
})

test('CreditGranter refuses to take back more than it gave', () => {
  const granter = new CreditGranter()
  granter.connected({ peer: 0, generation: 1 }, 0)
  granter.request({ peer: 0, transfer: 0, bytes: 1000 }, 0)
  const forfeit = { kind: 'forfeit', generation: 1, forfeitedBytes: 1001 } as const
  assert.throws(() => granter.forfeited(0, { forfeit, nowUs: 1 }), { code: 'FRAME_INVALID' })
})

test('CreditGranter counts bytes that come without credit', () => {
  const granter = new CreditGranter()
  granter.connected({ peer: 0, generation: 1 }, 0)
  granter.arrived({ peer: 0, generation: 1, transfer: 0, bytes: 700 }, 1)
  assert.equal(granter.balance.excess, 700)
  assert.equal(granter.balance.arrived, 0)
})

test('CreditSender sends in order of offers, and no more than was granted', () => {
  const sender = new CreditSender(1)
  sender.offer({ transfer: 5, bytes: 1000, isExpected: true }, 0)
  sender.offer({ transfer: 4, bytes: 500, isExpected: true }, 0)
  assert.equal(sender.take(0), undefined)
  sender.granted({ kind: 'grant', generation: 1, grantedBytes: 1200, leaseUs: LEASE_US }, 0)
  assert.deepEqual(sender.take(1, 600), { transfer: 5, bytes: 600, isLast: false })
  assert.deepEqual(sender.take(1), { transfer: 5, bytes: 400, isLast: true })
  assert.deepEqual(sender.take(1), { transfer: 4, bytes: 200, isLast: false })
  assert.equal(sender.take(1), undefined)
})

test('CreditSender ignores grants that are old, repeated or of another connection', () => {
  const sender = new CreditSender(2)
  sender.granted({ kind: 'grant', generation: 2, grantedBytes: 900, leaseUs: LEASE_US }, 0)
  sender.granted({ kind: 'grant', generation: 2, grantedBytes: 900, leaseUs: LEASE_US }, 1)
  sender.granted({ kind: 'grant', generation: 2, grantedBytes: 100, leaseUs: LEASE_US }, 2)
  sender.granted({ kind: 'grant', generation: 1, grantedBytes: 5000, leaseUs: LEASE_US }, 3)
  assert.equal(sender.creditBytes, 900)
})

test('CreditSender asks for nothing that a budget covers', () => {
  const sender = new CreditSender(1)
  sender.granted({ kind: 'grant', generation: 1, grantedBytes: 8000, leaseUs: LEASE_US }, 0)
  sender.offer({ transfer: 1, bytes: 8000, isExpected: true }, 10)
  assert.deepEqual(sender.take(10), { transfer: 1, bytes: 8000, isLast: true })
  sender.tick(LEASE_US * 3)
  assert.deepEqual(sender.takeMessages(), [])
})

test('CreditSender gives unused credit back and asks again', () => {
  const sender = new CreditSender(1)
  sender.granted({ kind: 'grant', generation: 1, grantedBytes: 300, leaseUs: LEASE_US }, 0)
  sender.tick(LEASE_US - 1)
  assert.deepEqual(sender.takeMessages(), [])
  sender.offer({ transfer: 1, bytes: 200, isExpected: false }, LEASE_US)
  assert.deepEqual(sender.takeMessages(), [
    { kind: 'forfeit', generation: 1, forfeitedBytes: 300 },
    { kind: 'want', generation: 1, transfer: 1, bytes: 200, endBytes: 200 },
  ])
  assert.equal(sender.take(LEASE_US), undefined)
})

test('CreditSender bounds what waits', () => {
  const sender = new CreditSender(1)
  for (let transfer = 0; transfer < TRANSFERS_MAX; transfer++) {
    assert.equal(sender.offer({ transfer, bytes: 1, isExpected: true }, 0), true)
  }
  assert.equal(sender.offer({ transfer: TRANSFERS_MAX, bytes: 1, isExpected: true }, 0), false)
})

function want(transfer: number, { bytes, endBytes }: { bytes: number; endBytes: number }) {
  return { kind: 'want', generation: 1, transfer, bytes, endBytes } as const
}

test('wanted changes nothing when it comes after the transfer is through', () => {
  const granter = new CreditGranter()
  granter.connected({ peer: 0, generation: 1 }, 0)
  const first = want(4, { bytes: 1000, endBytes: 1000 })
  granter.wanted(0, { want: first, nowUs: 0 })
  granter.arrived({ peer: 0, generation: 1, transfer: 4, bytes: 1000 }, 5)
  const before = granter.balance
  granter.wanted(0, { want: first, nowUs: 9 })
  assert.deepEqual(granter.balance, before)
  assert.deepEqual(granter.lost({ peer: 0, generation: 1 }, 10), [])
})

test('CreditGranter hands out no more than its pace when data comes at once', () => {
  const granter = new CreditGranter()
  granter.connected({ peer: 0, generation: 1 }, 0)
  granter.wanted(0, { want: want(0, { bytes: 500_000, endBytes: 500_000 }), nowUs: 0 })
  const { window } = granter.balance
  for (let turn = 0; turn < 100 && granter.balance.outstanding > 0; turn++) {
    const bytes = granter.balance.outstanding
    granter.arrived({ peer: 0, generation: 1, transfer: 0, bytes }, 0)
  }
  const first = granter.balance.granted
  assert.ok(first > 0 && first <= window, `${first} bytes at once`)
  const nextUs = granter.nextTickUs(0) ?? 0
  assert.ok(nextUs > 0)
  granter.tick(nextUs)
  assert.ok(granter.balance.granted > first)
})

test('CreditGranter lets no small replies pass by a large one that waits', () => {
  const granter = new CreditGranter()
  const small = [1, 2, 3, 4, 5]
  for (const peer of [0, ...small]) granter.connected({ peer, generation: 1 }, 0)
  const replies = small.map((peer) => ({ peer, transfer: 0, bytes: 2400 }))
  granter.requestAll(replies, 0)
  granter.wanted(0, { want: want(0, { bytes: 50_000, endBytes: 50_000 }), nowUs: 0 })
  granter.takeGrants()
  let turns = 0
  for (; turns < 50 && granter.takeGrant(0) === undefined; turns++) {
    const peer = 1 + (turns % 5)
    granter.arrived({ peer, generation: 1, transfer: 0, bytes: 400 }, turns * 1000)
    granter.request({ peer, transfer: turns + 1, bytes: 400 }, turns * 1000)
  }
  assert.ok(turns < 50, 'the large one waits for ever')
})

test('CreditGranter gives a peer that owes an explanation nothing until it comes', () => {
  const granter = new CreditGranter()
  granter.connected({ peer: 0, generation: 1 }, 0)
  granter.request({ peer: 0, transfer: 0, bytes: 2000 }, 0)
  granter.tick(2 * LEASE_US)
  assert.equal(granter.balance.writtenOff, 2000)
  const next = want(1, { bytes: 5000, endBytes: 7000 })
  granter.wanted(0, { want: next, nowUs: 2 * LEASE_US })
  granter.request({ peer: 0, transfer: 2, bytes: 3000 }, 2 * LEASE_US)
  assert.equal(granter.balance.granted, 2000)
  const forfeit = { kind: 'forfeit', generation: 1, forfeitedBytes: 2000 } as const
  granter.forfeited(0, { forfeit, nowUs: 3 * LEASE_US })
  granter.wanted(0, { want: next, nowUs: 3 * LEASE_US })
  assert.ok(granter.balance.granted > 2000)
  assert.equal(granter.balance.writtenOff, 0)
})

/** Time until so many bytes have come that arrive so long after they were granted, all in one go. */
function receive(
  granter: CreditGranter,
  { transfer, bytes, fromUs, delayUs }: Record<'transfer' | 'bytes' | 'fromUs' | 'delayUs', number>,
): number {
  const { arrived } = granter.balance
  let nowUs = fromUs
  granter.wanted(0, { want: want(transfer, { bytes, endBytes: arrived + bytes }), nowUs })
  while (granter.balance.arrived < arrived + bytes) {
    const { outstanding } = granter.balance
    nowUs = outstanding > 0 ? nowUs + delayUs : Math.max(nowUs + 1, granter.nextTickUs(nowUs) ?? 0)
    if (outstanding === 0) granter.tick(nowUs)
    else granter.arrived({ peer: 0, generation: 1, transfer, bytes: outstanding }, nowUs)
  }
  return nowUs
}

test('CreditGranter finds a fast link again that was slow for long', () => {
  const granter = new CreditGranter()
  granter.connected({ peer: 0, generation: 1 }, 0)
  const slow = { bytes: 1448, delayUs: 50_000 }
  // As of a sender that has hardly any time: its credit comes in two parts.
  let nowUs = 0
  granter.wanted(0, { want: want(0, { bytes: 2_000_000, endBytes: 2_000_000 }), nowUs })
  while (granter.balance.arrived < 2_000_000) {
    const bytes = Math.min(slow.bytes, granter.balance.outstanding)
    nowUs = bytes > 0 ? nowUs + slow.delayUs : Math.max(nowUs + 1, granter.nextTickUs(nowUs) ?? 0)
    if (bytes === 0) granter.tick(nowUs)
    else granter.arrived({ peer: 0, generation: 1, transfer: 0, bytes }, nowUs)
  }
  assert.ok(granter.bytesPerSecond < 100_000, String(granter.bytesPerSecond))
  const fast = { transfer: 1, bytes: 1_000_000, fromUs: nowUs, delayUs: 100 }
  const tookUs = receive(granter, fast) - nowUs
  assert.ok(tookUs < 1_000_000, `${tookUs} us`)
})
