import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defined } from '../../src/base/assert.js'
import { mappedSchema, readControl } from '../../src/fabric/control.js'
import { FRAME, readHeader } from '../../src/fabric/frame.js'
import {
  DomainWorld,
  dispatchOf,
  EXPERTS,
  expected,
  N_USED,
  rowsOf,
  type Token,
} from './support.js'

const CARDS = 3
const card = fc.nat(CARDS - 1)
const pages = fc.uniqueArray(fc.record({ region: fc.nat(1), expert: fc.nat(EXPERTS - 1) }), {
  minLength: 1,
  maxLength: 6,
  selector: ({ region, expert }) => `${region} ${expert}`,
})
const tokens = fc.array(
  fc.record({
    x: fc.integer({ min: 1, max: 8 }),
    pairs: fc.uniqueArray(
      fc.record({ expert: fc.nat(EXPERTS - 1), weight: fc.integer({ min: 1, max: 3 }) }),
      { minLength: 1, maxLength: N_USED, selector: ({ expert }) => expert },
    ),
  }),
  { minLength: 1, maxLength: 5 },
)
const act = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('map', 'map', 'unmap'), pages }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('ask'),
      tokens,
      region: fc.nat(1),
      isSummed: fc.boolean(),
    }),
  },
  { weight: 10, arbitrary: fc.record({ do: fc.constantFrom('work', 'hear'), card }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('kill', 'stop'), card }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('tick'), ms: fc.constantFrom(1, 10, 300, 6000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('supply', 'restart') }) },
) as fc.Arbitrary<Act>

type Act = {
  readonly do: string
  readonly pages?: Array<{ region: number; expert: number }>
  readonly tokens?: Token[]
  readonly region?: number
  readonly isSummed?: boolean
  readonly card?: number
  readonly ms?: number
}

type Asked = { readonly tokens: Token[]; readonly region: number; readonly isSummed: boolean }

/** A domain that begins with half of its pages, and what the head has asked of it. */
class Faulty extends DomainWorld {
  readonly asked: Asked[] = []
  changes = 1

  constructor() {
    super({ cards: CARDS, regions: 2, isHungry: true })
    this.open()
    const half = Array.from({ length: EXPERTS }, (_, at) => ({ region: at % 2, expert: at }))
    this.tell(FRAME.map, { id: 1, pages: half })
    this.supply()
    this.run()
  }

  act(one: Act): void {
    const at = one.card ?? 0
    if (one.do === 'map' || one.do === 'unmap') {
      this.tell(FRAME[one.do], { id: ++this.changes, pages: defined(one.pages, 'pages') })
    } else if (one.do === 'ask') this.#ask(one)
    else if (one.do === 'work') this.cards[at]?.work()
    else if (one.do === 'hear') this.hear(at)
    else if (one.do === 'kill') this.kill(at)
    else if (one.do === 'stop') this.tick(61_000)
    else if (one.do === 'tick') this.tick(one.ms ?? 1)
    else if (one.do === 'supply') this.supply()
    else for (const restarted of this.restarts.splice(0)) this.restart(restarted)
  }

  /** Nothing goes wrong any more. */
  settle(): void {
    for (let round = 0; round < 200; round++) {
      this.supply()
      this.run()
      this.tick(1000)
    }
  }

  #ask({ tokens: asked = [], region = 0, isSummed = true }: Act): void {
    this.asked.push({ tokens: asked, region, isSummed })
    const format = { dispatch: 'f32', combine: 'f32', isSummed } as const
    this.receive(dispatchOf(asked, { step: this.asked.length, region, format }))
  }
}

test('Domain answers everything once and nothing wrongly, whatever its cards do', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
      const world = new Faulty()
      for (const one of acts) world.act(one)
      world.settle()
      const failures = world.failures()
      const changes = [
        ...world.take(FRAME.mapped).map(({ bytes }) => readControl(bytes, mappedSchema).id),
        ...failures.flatMap(([, , id]) => (id === undefined ? [] : [id])),
      ].sort((a, b) => a - b)
      assert.deepEqual(
        changes,
        Array.from({ length: world.changes }, (_, id) => id + 1),
      )
      const steps = failures.flatMap(([, step]) => (step < 0 ? [] : [step]))
      for (const frame of world.take(FRAME.combine)) {
        const { step } = readHeader(frame.view)
        const { tokens: asked, ...how } = defined(world.asked[step - 1], 'what was asked')
        assert.deepEqual(rowsOf(frame), expected(asked, how))
        steps.push(step)
      }
      steps.sort((a, b) => a - b)
      assert.deepEqual(
        steps,
        world.asked.map((_, at) => at + 1),
      )
      const held = world.cards.reduce((sum, one) => sum + one.held.size, 0)
      assert.equal(world.domain.status.pages, held)
      assert.equal(world.domain.isMoving, false)
    }),
    { numRuns: 500 },
  )
})
