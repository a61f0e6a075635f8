import assert from 'node:assert/strict'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { defined } from '../../src/base/assert.js'
import { pauseSync } from '../../src/base/pause.js'
import { LocalDomain } from '../../src/domain/local-domain.js'
import type { Load, MapAnswer, PageSource } from '../../src/fabric/control.js'
import { localSockets } from '../../src/native/sockets.js'
import { NaiveExperts, normalizedError, writePages } from '../card/support.js'
import { scratchDirectory } from '../support/scratch.js'
import { drawTokens, type Fleet, openFleet } from './support.js'

const DEADLINE_MS = 120_000
const MIB = 2 ** 20

const closers: Array<() => void> = []

after(() => {
  for (const close of closers) close()
})

/** Domain 0 begins with experts 0 to 3, domain 1 with the others; both have room for all. */
function open(isShared: boolean): Fleet & { first: LocalDomain; second: LocalDomain } {
  const fleet = openFleet({ cards: 2, isShared, isSummed: false, slots: 8 })
  closers.push(() => fleet.close())
  const [first, second] = fleet.domains
  assert.ok(first && second)
  return { ...fleet, first, second }
}

/** Answers that came in steps, and those that come while none runs. */
function answersOf(domain: LocalDomain, count: number): MapAnswer[] {
  const answers: MapAnswer[] = []
  const deadline = performance.now() + DEADLINE_MS
  while (answers.length < count) {
    assert.ok(performance.now() < deadline, `${answers.length} of ${count} answers came`)
    domain.poll()
    answers.push(...domain.takeAnswers())
    pauseSync(1)
  }
  return answers
}

const at = (experts: readonly number[]) => experts.map((expert) => ({ region: 0, expert }))

function expertsOf({ holders }: Fleet, domain: number): number[] {
  return [...holders].flatMap((holder, expert) => (holder === domain ? [expert] : []))
}

function pageSources(fleet: Fleet): PageSource[] {
  const file = join(scratchDirectory(), 'pages')
  return writePages(fleet.load, { experts: [0, 1, 2, 3, 4, 5, 6, 7], file })
}

const tokens = drawTokens(20)

for (const isShared of [true, false]) {
  const way = isShared ? 'shared memory' : 'sockets'

  test(`LocalDomain moves pages and changes no bit: ${way}`, () => {
    const fleet = open(isShared)
    const { first, second } = fleet
    const before = fleet.compute(tokens)
    const naive = new NaiveExperts(fleet.load, fleet.record)
    assert.ok(
      normalizedError(
        before,
        tokens.map((token) => naive.compute(token)),
      ) <= 1e-10,
    )
    const moved = expertsOf(fleet, 1)
    const sources = pageSources(fleet)
    const id = first.map(
      at(moved),
      moved.map((expert, index) => (index % 2 === 0 ? defined(sources[expert], 'source') : null)),
    )
    for (let step = 0; step < 5; step++) assert.deepEqual(fleet.compute(tokens), before)
    assert.deepEqual(answersOf(first, 1), [{ id }])
    assert.equal(first.pages, 8)
    fleet.holders.fill(0)
    const gone = second.unmap(at(moved))
    assert.deepEqual(fleet.compute(tokens), before)
    assert.deepEqual(answersOf(second, 1), [{ id: gone }])
    assert.equal(second.pages, 0)
    assert.equal(second.pageBytes, 0)
    assert.deepEqual(fleet.losses, [])
    fleet.close()
  })

  test(`LocalDomain tells of refused maps, and the card goes on: ${way}`, () => {
    const fleet = open(isShared)
    const { first } = fleet
    const before = fleet.compute(tokens)
    const [held = 0] = expertsOf(fleet, 0)
    const [other = 0] = expertsOf(fleet, 1)
    const none = { file: join(scratchDirectory(), 'none'), offset: 0 }
    const ids = [
      first.map(at([held])),
      first.unmap(at([other])),
      first.map([{ region: 3, expert: 0 }]),
      first.map(at([other]), [none]),
    ]
    assert.deepEqual(fleet.compute(tokens), before)
    const answers = answersOf(first, ids.length)
    assert.deepEqual(
      answers.map(({ id, error }) => [id, error?.code]),
      [
        [ids[0], 'PAGE_MAPPED'],
        [ids[1], 'PAGE_NOT_MAPPED'],
        [ids[2], 'FRAME_INVALID'],
        [ids[3], 'FILE_NOT_FOUND'],
      ],
    )
    assert.match(answers[0]?.error?.message ?? '', /^card 0: expert \d of layer 0 /)
    assert.deepEqual(fleet.compute(tokens), before)
    assert.equal(first.pages, 4)
    assert.deepEqual(fleet.losses, [])
    fleet.close()
  })

  test(`LocalDomain gives a new card all pages that were mapped, and no others: ${way}`, () => {
    const fleet = open(isShared)
    const { first, second } = fleet
    const before = fleet.compute(tokens)
    const [a = 0, b = 0, c = 0] = expertsOf(fleet, 1)
    const sources = pageSources(fleet)
    first.map(at([a, b]), [defined(sources[a], 'source'), null])
    second.unmap(at([b]))
    answersOf(first, 1)
    answersOf(second, 1)
    for (const expert of [a, b]) fleet.holders[expert] = 0
    for (const domain of [first, second]) {
      process.kill(domain.pid, 'SIGSTOP')
    }
    const lost = first.map(at([c]))
    for (const domain of [first, second]) process.kill(domain.pid, 'SIGKILL')
    assert.deepEqual(fleet.compute(tokens), before)
    assert.deepEqual([first.restarts, second.restarts], [1, 1])
    assert.deepEqual([first.pages, second.pages], [6, 3])
    const [answer] = first.takeAnswers()
    assert.equal(answer?.id, lost)
    assert.equal(answer?.error?.code, 'CARD_FAILED')
    fleet.holders[c] = 0
    assert.throws(() => fleet.compute(tokens), { code: 'PAGE_NOT_MAPPED' })
    const again = first.map(at([c]))
    assert.deepEqual(answersOf(first, 1), [{ id: again }])
    assert.deepEqual(fleet.compute(tokens), before)
    fleet.close()
  })
}

const BALLAST = 512
const PAGE_BYTES = MIB

/** A domain with room for many pages and none at first; they come from a file of zeros. */
function openBallast(): { domain: LocalDomain; map: (from: number, count: number) => number } {
  const file = join(scratchDirectory(), 'zeros')
  writeFileSync(file, '')
  truncateSync(file, PAGE_BYTES)
  const tensor = { kind: 'weight' as const, typeId: 0, sliceBytes: PAGE_BYTES / 2, offset: 0 }
  const shape = [256, 512, BALLAST]
  const load: Load = {
    files: [],
    device: 'cpu',
    threads: 1,
    regions: [
      {
        layer: 0,
        group: '',
        experts: BALLAST,
        pages: [],
        slots: BALLAST,
        tensors: [
          { ...tensor, name: 'up', role: 'up', shape, file: 0 },
          { ...tensor, name: 'down', role: 'down', shape, file: 0 },
        ],
      },
    ],
  }
  const domain = new LocalDomain({
    id: 0,
    backend: 'cpu',
    load,
    sockets: localSockets(),
    sharedBytes: 0,
    spinUs: 200,
    now: () => performance.now(),
    onProgress: () => {},
  })
  closers.push(() => domain.stop())
  domain.start()
  domain.awaitLoaded()
  return {
    domain,
    map: (from, count) => {
      const pages = at(Array.from({ length: count }, (_, index) => from + index))
      return domain.map(
        pages,
        pages.map(() => ({ file, offset: 0 })),
      )
    },
  }
}

test('LocalDomain tells of a map that its card was killed in', () => {
  const { domain, map } = openBallast()
  map(0, 5)
  answersOf(domain, 1)
  const id = map(5, BALLAST - 5)
  const deadline = performance.now() + DEADLINE_MS
  while (domain.pageBytes <= 5 * PAGE_BYTES) {
    assert.ok(performance.now() < deadline, 'no page came')
    domain.poll()
  }
  process.kill(domain.pid, 'SIGKILL')
  domain.restart()
  const [answer] = domain.takeAnswers()
  assert.equal(answer?.id, id)
  assert.equal(answer?.error?.code, 'CARD_FAILED')
  assert.equal(domain.pages, 5)
  assert.equal(domain.pageBytes, 5 * PAGE_BYTES)
  domain.stop()
})

function anonymousBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return 1024 * Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1])
}

const isLinux = process.platform === 'linux'

test('cards take memory for pages that are mapped, and for those alone', { skip: !isLinux }, () => {
  const { domain, map } = openBallast()
  const bytes = (): number => anonymousBytes(domain.pid)
  const empty = bytes()
  assert.ok(empty < 150 * MIB, `${empty} bytes with nothing mapped`)
  map(0, 100)
  answersOf(domain, 1)
  const full = bytes()
  assert.ok(full - empty > 80 * MIB, `${full - empty} bytes for 100 pages of a mebibyte`)
  assert.ok(full - empty < 160 * MIB, `${full - empty} bytes for 100 pages of a mebibyte`)
  domain.unmap(at(Array.from({ length: 90 }, (_, index) => index)))
  answersOf(domain, 1)
  assert.ok(full - bytes() > 60 * MIB, `${full - bytes()} bytes given back by 90 pages`)
  map(200, 90)
  answersOf(domain, 1)
  assert.ok(bytes() - empty < 160 * MIB, `${bytes() - empty} bytes for as many pages as before`)
  domain.stop()
})

test('LocalDomain refuses more maps than it keeps answers for', () => {
  const { domain, map } = openBallast()
  process.kill(domain.pid, 'SIGSTOP')
  for (let expert = 0; expert < 256; expert++) map(expert, 1)
  assert.throws(() => map(256, 1), { code: 'CARD_BUSY' })
  process.kill(domain.pid, 'SIGCONT')
  const answers = answersOf(domain, 256)
  const isDone = answers.filter(({ error }) => error === undefined).length
  assert.equal(domain.pages, isDone)
  assert.ok(isDone > 0)
  assert.ok(answers.every(({ error }) => error === undefined || error.code === 'CARD_BUSY'))
  domain.stop()
})
