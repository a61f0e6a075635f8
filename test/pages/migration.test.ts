import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../../src/base/prng.js'
import { Directory, type Move } from '../../src/pages/directory.js'
import { HolderTable } from '../../src/pages/holder-table.js'
import { Migration } from '../../src/pages/migration.js'

const PAGE = 1000
const EXPERTS = 12
const REGIONS = [{ experts: EXPERTS, pageBytes: PAGE }]

/** A table or directory content: holders of each expert. */
type Holders = readonly (readonly number[])[]

function tableOf(holders: Holders, replicas: number): HolderTable {
  const table = new HolderTable([{ experts: holders.length }], replicas)
  holders.forEach((ids, expert) => {
    for (const id of ids) table.add(expert, id)
  })
  return table
}

function directoryOf(holders: Holders, replicas: number): Directory {
  const directory = new Directory([{ experts: holders.length }], replicas)
  holders.forEach((ids, expert) => {
    for (const id of ids) directory.adopt(id, [{ region: 0, expert }])
  })
  return directory
}

function holdersOf(directory: Directory): number[][] {
  return directory.regions.flatMap(({ experts }) =>
    Array.from({ length: experts }, (_, expert) => directory.holdersOf({ region: 0, expert })),
  )
}

type Setup = {
  readonly directory: Directory
  readonly wanted: Holders
  readonly roomPages: ReadonlyMap<number, number>
  readonly bytesInFlight?: number
  readonly movesPerDomain?: number
}

/** Runs a migration to its end while it checks every bound; returns it and the moves it made. */
function migrate(setup: Setup, onRound: () => void = () => {}): { run: Migration; moves: Move[] } {
  const { directory, wanted, roomPages, bytesInFlight = 3 * PAGE, movesPerDomain = 2 } = setup
  const capacityBytes = new Map([...roomPages].map(([id, pages]) => [id, pages * PAGE] as const))
  const run = new Migration({
    wanted: tableOf(wanted, directory.replicas),
    regions: REGIONS,
    limits: { bytesInFlight, movesPerDomain },
    capacityBytes,
  })
  const moves: Move[] = []
  const held = holdersOf(directory).map((ids) => ids.length > 0)
  for (let round = 0; round < 500; round++) {
    const made = run.next(directory)
    if (made.length === 0 && directory.isQuiet) return { run, moves }
    moves.push(...made)
    directory.stage(made)
    checkBounds(directory, { ...setup, bytesInFlight, movesPerDomain })
    onRound()
    for (const message of directory.takeOutbox()) {
      if (message.kind === 'map') directory.reportMapped(message)
    }
    directory.commit()
    holdersOf(directory).forEach((ids, expert) => {
      assert.ok(ids.length > 0 || !held[expert], `page ${expert} is without a holder`)
    })
  }
  return assert.fail('the migration does not end')
}

function checkBounds(directory: Directory, setup: Required<Setup>): void {
  const staged = directory.stagedMoves()
  const maps = staged.filter(({ to }) => to !== undefined)
  assert.ok(maps.length * PAGE <= Math.max(PAGE, setup.bytesInFlight), 'too much in flight')
  for (const [id, pages] of setup.roomPages) {
    const own = maps.filter(({ to, from }) => to === id || from === id)
    assert.ok(own.length <= setup.movesPerDomain, `too many moves of domain ${id}`)
    assert.ok((directory.occupied(id)[0] ?? 0) <= pages, `domain ${id} is over its memory`)
  }
}

function drawHolders(prng: Prng, { domains, replicas }: { domains: number; replicas: number }) {
  return Array.from({ length: EXPERTS }, () => {
    const ids = new Set<number>()
    while (ids.size < replicas) ids.add(prng.nextBelow(domains))
    return [...ids].sort((a, b) => a - b)
  })
}

function pagesOn(holders: Holders, id: number): number {
  return holders.filter((ids) => ids.includes(id)).length
}

test('Migration reaches any placement within its bounds, when a page of room is left', () => {
  for (let seed = 0; seed < 300; seed++) {
    const prng = Prng.fromSeed(seed)
    const replicas = 1 + prng.nextBelow(3)
    const before = drawHolders(prng, { domains: 4, replicas })
    const wanted = drawHolders(prng, { domains: 4, replicas })
    const roomPages = new Map(
      [0, 1, 2, 3].map((id) => [id, 1 + Math.max(pagesOn(before, id), pagesOn(wanted, id))]),
    )
    const directory = directoryOf(before, replicas)
    const { run, moves } = migrate({ directory, wanted, roomPages })
    assert.deepEqual(holdersOf(directory), wanted)
    assert.deepEqual(run.stuck, [])
    assert.equal(run.pending, 0)
    const needed = wanted.flatMap((ids, expert) =>
      ids.filter((id) => !before[expert]?.includes(id)),
    )
    assert.equal(moves.filter(({ to }) => to !== undefined).length, needed.length)
  }
})

const FULL = new Map([
  [0, 1],
  [1, 1],
])

test('Migration exchanges pages of full domains over a third one', () => {
  const directory = directoryOf([[0], [1]], 1)
  const roomPages = new Map([...FULL, [2, 1]])
  const { run } = migrate({ directory, wanted: [[1], [0]], roomPages })
  assert.deepEqual(holdersOf(directory), [[1], [0]])
  assert.deepEqual(run.stuck, [])
})

test('Migration says which pages are stuck, and ends', () => {
  const directory = directoryOf([[0], [1]], 1)
  const { run, moves } = migrate({ directory, wanted: [[1], [0]], roomPages: FULL })
  assert.deepEqual(moves, [])
  assert.deepEqual(
    run.stuck.map(({ expert }) => expert),
    [0, 1],
  )
})

test('Migration lets go of a replica when all domains are full', () => {
  const before = [
    [0, 1],
    [0, 2],
  ]
  const wanted = [
    [0, 2],
    [0, 1],
  ]
  const directory = directoryOf(before, 2)
  const roomPages = new Map([[0, 2], ...[1, 2].map((id) => [id, 1] as const)])
  migrate({ directory, wanted, roomPages })
  assert.deepEqual(holdersOf(directory), wanted)
})

test('Migration maps pages without a holder first', () => {
  const directory = directoryOf([[0], [0], [], [0]], 1)
  const roomPages = new Map([
    [0, 9],
    [1, 9],
  ])
  const { moves } = migrate({
    directory,
    wanted: [[1], [1], [1], [1]],
    roomPages,
    bytesInFlight: PAGE,
  })
  assert.deepEqual(moves[0], { region: 0, expert: 2, to: 1 })
  assert.equal(moves.length, 4)
})

test('Migration goes on with what is left when a target is lost', () => {
  const directory = directoryOf([[0], [0], [0], [0]], 1)
  const roomPages = new Map([
    [0, 9],
    [1, 9],
    [2, 9],
  ])
  let rounds = 0
  const lose = (): void => {
    if (rounds++ === 0) directory.removeDomain(1)
  }
  const wanted = [[1], [2], [1], [2]]
  const { moves } = migrate({ directory, wanted, roomPages, movesPerDomain: 1 }, lose)
  assert.deepEqual(holdersOf(directory), wanted)
  assert.equal(moves.length, 5)
})
