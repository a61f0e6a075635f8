import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../../src/base/prng.js'
import { Membership, type Session } from '../../src/fleet/membership.js'
import { MEMBERSHIP_DEFAULTS as DEFAULTS } from '../../src/fleet/membership-settings.js'

const NODES = 6
/** The first nodes do nothing but send heartbeats in time. */
const REGULAR = 2
const END_MS = 60_000
const TICK_GAP_MAX_MS = 2 * DEFAULTS.tickMs

type Node = {
  readonly id: string
  readonly isRegular: boolean
  isRunning: boolean
  session: Session | undefined
  sequence: number
}

/** What the head must know, told by what reached it. */
type Known = { generation: number; heardMs: number; sequence: number; isReady: boolean }

class Simulation {
  readonly #prng: Prng
  readonly #nodes: readonly Node[]
  readonly #known = new Map<string, Known>()
  #queue: { atMs: number; act: () => void }[] = []
  #membership: Membership
  #now = 0
  #tickedMs = 0
  losses = 0

  constructor(seed: number) {
    this.#prng = Prng.fromSeed(seed)
    this.#membership = new Membership(0)
    this.#nodes = Array.from({ length: NODES }, (_, at) => {
      return this.#start({
        id: `n${at}`,
        isRegular: at < REGULAR,
        isRunning: true,
        session: undefined,
        sequence: 0,
      })
    })
    this.#after(0, () => this.#tick())
    this.#after(1000, () => this.#fault())
  }

  #start(node: Node): Node {
    this.#after(this.#prng.nextBelow(900), () => this.#join(node))
    this.#after(this.#prng.nextBelow(900), () => this.#beat(node))
    return node
  }

  #after(delayMs: number, act: () => void): void {
    this.#queue.push({ atMs: this.#now + delayMs, act })
  }

  run(): void {
    while (this.#now < END_MS) {
      let first = 0
      this.#queue.forEach((one, at) => {
        if (one.atMs < (this.#queue[first]?.atMs ?? 0)) first = at
      })
      const [next] = this.#queue.splice(first, 1)
      if (next === undefined) return
      this.#now = next.atMs
      next.act()
      this.#check()
    }
  }

  #join(node: Node): void {
    if (!node.isRunning) return
    const answer = this.#membership.join(node.id, this.#now)
    this.#take()
    if (!answer.isAccepted) {
      assert.ok(!node.isRegular, 'a regular node is kept out')
      this.#after(answer.retryMs + 1, () => this.#join(node))
      return
    }
    const { generation } = answer
    const session = { nodeId: node.id, generation }
    assert.ok(generation > (this.#known.get(node.id)?.generation ?? 0), 'generations grow')
    this.#known.set(node.id, { generation, heardMs: this.#now, sequence: -1, isReady: false })
    node.session = session
    node.sequence = 0
    this.#after(this.#prng.nextBelow(1500), () => {
      if (node.session !== session || !node.isRunning) return
      this.#membership.loading(session, this.#now)
      this.#membership.ready(session, this.#now)
    })
  }

  #beat(node: Node): void {
    const { session } = node
    if (node.isRunning && session !== undefined) {
      const sequence = node.sequence++
      const copies = node.isRegular ? 1 : 1 + this.#prng.nextBelow(2)
      for (let copy = 0; copy < copies; copy++) {
        const delayMs = this.#prng.nextBelow(node.isRegular ? 300 : 2500)
        this.#after(delayMs, () => this.#hear(session, sequence))
      }
    }
    this.#after(DEFAULTS.heartbeatMs, () => this.#beat(node))
  }

  #hear(session: Session, sequence: number): void {
    const known = this.#known.get(session.nodeId)
    const isNew = this.#membership.heartbeat(session, { sequence, now: this.#now })
    if (!isNew) return
    assert.equal(known?.generation, session.generation, 'a heartbeat of an old session counts')
    assert.ok(sequence > known.sequence, 'a repeated or overtaken heartbeat counts')
    known.sequence = sequence
    known.heardMs = this.#now
  }

  #fault(): void {
    const node = this.#nodes[REGULAR + this.#prng.nextBelow(NODES - REGULAR)]
    const kind = this.#prng.nextBelow(10)
    if (node !== undefined) this.#harm(node, kind)
    this.#after(this.#prng.nextBelow(3000), () => this.#fault())
  }

  #harm(node: Node, kind: number): void {
    const { session } = node
    if (kind < 3) node.isRunning = false
    else if (kind < 6) {
      node.isRunning = true
      this.#join(node)
    } else if (kind < 8 && session !== undefined) {
      this.#membership.connectionEnded(session, this.#now)
    } else if (kind === 8 && session !== undefined) {
      this.#membership.late(session, this.#prng.nextBelow(2) === 0)
    } else if (this.#prng.nextBelow(5) === 0) this.#restartHead()
  }

  /** All connections end with it; nodes that run come again. */
  #restartHead(): void {
    this.#take()
    const records = this.#membership.records()
    this.#membership = new Membership(this.#now)
    this.#membership.restore(records, this.#now)
    this.#tickedMs = this.#now
    for (const node of this.#nodes) {
      const known = this.#known.get(node.id)
      if (known !== undefined) known.isReady = false
      node.session = undefined
      this.#after(this.#prng.nextBelow(500), () => {
        if (node.session === undefined) this.#join(node)
      })
    }
  }

  #tick(): void {
    this.#membership.tick(this.#now)
    this.#tickedMs = this.#now
    this.#after(50 + this.#prng.nextBelow(TICK_GAP_MAX_MS - 50), () => this.#tick())
  }

  #take(): void {
    for (const event of this.#membership.takeEvents()) {
      const known = this.#known.get(event.nodeId)
      if (event.kind === 'ready' && known !== undefined) known.isReady = true
      if (event.kind !== 'lost') continue
      this.losses++
      if (known !== undefined) known.isReady = false
      const isRegular = this.#nodes.some(({ id, isRegular: is }) => is && id === event.nodeId)
      assert.ok(!isRegular, 'a node that sends heartbeats in time is lost')
    }
  }

  #check(): void {
    this.#take()
    assert.ok(this.#membership.size <= NODES)
    const standing = new Uint8Array(NODES)
    this.#membership.writeStanding(standing)
    for (const { nodeId, index, state, generation } of this.#membership.list()) {
      const known = this.#known.get(nodeId)
      assert.ok(known !== undefined)
      assert.equal(generation, known.generation)
      const mayWork = (standing[index] ?? 0) > 0
      if (mayWork) assert.ok(known.isReady, `${nodeId} gets work while it is ${state}`)
      if (state === 'lost') continue
      const silentMs = this.#tickedMs - known.heardMs
      assert.ok(silentMs < DEFAULTS.leaseMs, `${nodeId} is silent and not lost`)
      assert.ok(this.#now - this.#tickedMs <= TICK_GAP_MAX_MS)
    }
  }
}

test('Membership keeps its promises under any sequence of faults', () => {
  let losses = 0
  for (let seed = 0; seed < 300; seed++) {
    const simulation = new Simulation(seed)
    try {
      simulation.run()
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
    }
    losses += simulation.losses
  }
  assert.ok(losses > 1000, 'the faults did something')
})
