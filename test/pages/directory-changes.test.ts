import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../../src/base/prng.js'
import { Directory, type DirectoryMessage, type Move } from '../../src/pages/directory.js'

const REGIONS = [{ experts: 5 }, { experts: 3 }]
const DOMAINS = 4
const REPLICAS = 2

type Running = { readonly epoch: number; readonly mayUse: Set<string> }

/** Domains that do what the directory says, late, and steps that use whatever it pointed at. */
class World {
  readonly directory = new Directory(REGIONS, REPLICAS)
  readonly #prng: Prng
  readonly #memory = Array.from({ length: DOMAINS }, () => new Set<string>())
  readonly #inbox: DirectoryMessage[][] = Array.from({ length: DOMAINS }, () => [])
  #running: Running[] = []
  commits = 0

  constructor(seed: number) {
    this.#prng = Prng.fromSeed(seed)
  }

  act(): void {
    const { directory } = this
    const action = this.#prng.nextBelow(13)
    if (action < 3) this.#stage()
    else if (action < 6) this.#deliver(this.#prng.nextBelow(DOMAINS), 0.2)
    else if (action === 6) this.commits += directory.commit() ? 1 : 0
    else if (action < 9) this.#begin()
    else if (action < 11) this.#end(this.#prng.nextBelow(3))
    else if (action === 11) this.#losePages(this.#prng.nextBelow(DOMAINS))
    else if (this.#prng.nextBelow(4) === 0) this.#lose(this.#prng.nextBelow(DOMAINS))
    else this.#bringBack(this.#prng.nextBelow(DOMAINS))
    this.#afterwards()
  }

  #afterwards(): void {
    this.#post()
    for (const key of this.pointers()) {
      for (const { mayUse } of this.#running) mayUse.add(key)
      const [domain = ''] = key.split(' ')
      assert.ok(this.#memory[Number(domain)]?.has(pageKey(key)), `points at ${key} without a page`)
    }
  }

  #post(): void {
    for (const message of this.directory.takeOutbox()) this.#inbox[message.domain]?.push(message)
  }

  /** `domain region expert` of all that the directory points at. */
  pointers(): string[] {
    return REGIONS.flatMap(({ experts }, region) =>
      Array.from({ length: experts }, (_, expert) =>
        this.directory.holdersOf({ region, expert }).map((d) => `${d} ${region} ${expert}`),
      ).flat(),
    )
  }

  #stage(): void {
    const region = this.#prng.nextBelow(REGIONS.length)
    const expert = this.#prng.nextBelow(REGIONS[region]?.experts ?? 1)
    const holders = this.directory.holdersOf({ region, expert })
    const staged = this.directory.stagedMoves()
    const isOurs = (move: Move): boolean => move.region === region && move.expert === expert
    const to = this.#prng.nextBelow(DOMAINS)
    const from = holders[this.#prng.nextBelow(2)]
    const isTaken = holders.includes(to) || staged.some((move) => isOurs(move) && move.to === to)
    if (this.#prng.nextBelow(4) === 0) {
      if (from !== undefined) this.directory.stage([{ region, expert, from }])
    } else if (isTaken) return
    else if (from !== undefined) this.directory.stage([{ region, expert, to, from }])
    else if (holders.length < REPLICAS) this.directory.stage([{ region, expert, to }])
  }

  #deliver(domain: number, failing: number): void {
    const message = this.#inbox[domain]?.shift()
    if (message === undefined) return
    for (const { region, expert } of message.pages) {
      const page = `${region} ${expert}`
      if (message.kind === 'unmap') {
        this.#checkUnused(`${domain} ${page}`)
        this.#memory[domain]?.delete(page)
      } else if (this.#prng.nextFloat() < failing) {
        const { change } = message
        const given = this.directory.reportFailed({ change, domain, pages: [{ region, expert }] })
        assert.equal(given.length, 1)
      } else {
        this.#memory[domain]?.add(page)
        this.directory.reportMapped({ change: message.change, domain, pages: [{ region, expert }] })
      }
    }
  }

  #checkUnused(key: string): void {
    assert.ok(!this.pointers().includes(key), `${key} is unmapped and pointed at`)
    for (const { mayUse } of this.#running) {
      assert.ok(!mayUse.has(key), `${key} is unmapped while a step may use it`)
    }
  }

  #begin(): void {
    if (this.#running.length > 5) return
    this.#running.push({ epoch: this.directory.stepBegan(), mayUse: new Set(this.pointers()) })
  }

  #end(at: number): void {
    const [step] = this.#running.splice(at, 1)
    if (step !== undefined) this.directory.stepEnded(step.epoch)
  }

  #lose(domain: number): void {
    this.directory.removeDomain(domain)
    this.#memory[domain]?.clear()
    this.#inbox[domain] = []
    for (const { mayUse } of this.#running) {
      for (const key of mayUse) if (key.startsWith(`${domain} `)) mayUse.delete(key)
    }
    assert.ok(this.pointers().every((key) => !key.startsWith(`${domain} `)))
  }

  /** A domain has some of its pages no more, and says so before anything else. */
  #losePages(domain: number): void {
    const gone = [...(this.#memory[domain] ?? [])].filter(() => this.#prng.nextBelow(2) === 0)
    if (gone.length === 0) return
    for (const page of gone) this.#memory[domain]?.delete(page)
    const pages = gone.map((page) => {
      const [region = 0, expert = 0] = page.split(' ').map(Number)
      return { region, expert }
    })
    this.directory.reportGone(domain, pages)
    for (const page of gone) {
      for (const { mayUse } of this.#running) {
        if (!mayUse.delete(`${domain} ${page}`)) continue
        const [region = 0, expert = 0] = page.split(' ').map(Number)
        assert.ok(this.directory.isGone({ region, expert }, domain), 'a step may use it still')
      }
    }
  }

  /** With pages of its own from before. */
  #bringBack(domain: number): void {
    if ((this.#memory[domain]?.size ?? 0) > 0 || (this.#inbox[domain]?.length ?? 0) > 0) return
    const pages = [
      { region: 0, expert: this.#prng.nextBelow(5) },
      { region: 1, expert: this.#prng.nextBelow(3) },
    ]
    if (this.directory.stagedMoves().some(({ to }) => to === domain)) return
    for (const { region, expert } of pages) this.#memory[domain]?.add(`${region} ${expert}`)
    this.directory.adopt(domain, pages)
  }

  settle(): void {
    while (this.#running.length > 0) this.#end(0)
    for (;;) {
      this.directory.commit()
      this.#post()
      if (this.directory.isQuiet && this.#inbox.every((inbox) => inbox.length === 0)) return
      for (let domain = 0; domain < DOMAINS; domain++) this.#deliver(domain, 0)
    }
  }

  checkQuiet(): void {
    const pointers = this.pointers()
    this.#memory.forEach((pages, domain) => {
      const pointed = pointers.filter((key) => key.startsWith(`${domain} `)).map(pageKey)
      assert.deepEqual([...pages].sort(), pointed.sort(), `memory of domain ${domain}`)
      const counts = REGIONS.map(
        (_, region) => pointed.filter((key) => key.startsWith(`${region} `)).length,
      )
      assert.deepEqual([...this.directory.occupied(domain)], counts)
    })
  }
}

function pageKey(key: string): string {
  return key.slice(key.indexOf(' ') + 1)
}

test('Directory points only at mapped pages, and unmaps none that a step may use', () => {
  let commits = 0
  for (let seed = 0; seed < 300; seed++) {
    const world = new World(seed)
    for (let action = 0; action < 150; action++) world.act()
    world.settle()
    world.checkQuiet()
    commits += world.commits
  }
  assert.ok(commits > 1000, 'the sequences changed something')
})

const PAGE = { region: 0, expert: 0 }

function holding(domain: number): Directory {
  const directory = new Directory([{ experts: 1 }], 2)
  directory.adopt(domain, [PAGE])
  return directory
}

test('Directory keeps the last holder of a page, whatever is asked', () => {
  const directory = holding(3)
  directory.stage([{ ...PAGE, from: 3 }])
  directory.commit()
  assert.deepEqual(directory.holdersOf(PAGE), [3])
  assert.ok(directory.isQuiet)
})

test('Directory ignores reports of changes that it gave up', () => {
  const directory = holding(3)
  const change = directory.stage([{ ...PAGE, to: 1 }])
  directory.removeDomain(1)
  directory.stage([{ ...PAGE, to: 1 }])
  directory.reportMapped({ change, domain: 1, pages: [PAGE, { region: 7, expert: 0 }] })
  assert.equal(directory.commit(), false)
  assert.deepEqual(directory.holdersOf(PAGE), [3])
})

test('Directory forgets a page that is gone, but not that it is mapped there anew', () => {
  const directory = holding(3)
  const { epoch } = directory
  assert.equal(directory.reportGone(3, [PAGE]), 1)
  assert.deepEqual(directory.orphans(), [PAGE])
  assert.ok(directory.epoch > epoch && directory.isGone(PAGE, 3))
  assert.equal(directory.reportGone(3, [PAGE]), 0)
  assert.deepEqual([...directory.occupied(3)], [0])
  const change = directory.stage([{ ...PAGE, to: 3 }])
  assert.equal(directory.reportGone(3, [PAGE]), 0)
  directory.reportMapped({ change, domain: 3, pages: [PAGE] })
  directory.commit()
  assert.deepEqual(directory.holdersOf(PAGE), [3])
  assert.deepEqual([...directory.occupied(3)], [1])
})

test('Directory knows what is gone for as long as a step may want it', () => {
  const directory = holding(3)
  const step = directory.stepBegan()
  directory.reportGone(3, [PAGE])
  const other = directory.stepBegan()
  const change = directory.stage([{ ...PAGE, to: 3 }])
  directory.reportMapped({ change, domain: 3, pages: [PAGE] })
  directory.commit()
  assert.ok(directory.isGone(PAGE, 3))
  directory.stepEnded(step)
  directory.stepEnded(other)
  directory.stepBegan()
  assert.ok(!directory.isGone(PAGE, 3))
})

test('Directory gives up a move to where the page went before it was pointed at', () => {
  const directory = holding(3)
  const change = directory.stage([{ ...PAGE, to: 1, from: 3 }])
  directory.reportMapped({ change, domain: 1, pages: [PAGE] })
  assert.equal(directory.reportGone(1, [PAGE]), 1)
  assert.equal(directory.commit(), false)
  assert.deepEqual(directory.holdersOf(PAGE), [3])
  assert.deepEqual([...directory.occupied(1)], [0])
})

test('Directory tells orphans and counts every change as an epoch', () => {
  const directory = holding(3)
  const { epoch } = directory
  assert.deepEqual(directory.orphans(), [])
  directory.removeDomain(3)
  assert.deepEqual(directory.orphans(), [PAGE])
  assert.equal(directory.epoch, epoch + 1)
})

test('Directory takes a page back that was not unmapped yet, without mapping it again', () => {
  const directory = holding(3)
  const step = directory.stepBegan()
  const change = directory.stage([{ ...PAGE, to: 1, from: 3 }])
  directory.reportMapped({ change, domain: 1, pages: [PAGE] })
  directory.commit()
  directory.takeOutbox()
  directory.stage([{ ...PAGE, to: 3, from: 1 }])
  directory.commit()
  directory.stepEnded(step)
  assert.deepEqual(directory.holdersOf(PAGE), [3])
  assert.deepEqual(directory.takeOutbox(), [{ kind: 'unmap', domain: 1, pages: [PAGE] }])
})

test('Directory refuses moves that make no sense', () => {
  const directory = holding(3)
  assert.throws(() => directory.stage([{ ...PAGE, to: 3 }]), /has or gets/)
  assert.throws(() => directory.stage([{ region: 0, expert: 1, to: 3 }]), /does not exist/)
  directory.adopt(4, [PAGE])
  assert.throws(() => directory.stage([{ ...PAGE, to: 5 }]), /all its replicas/)
  assert.throws(() => directory.stepEnded(0), /no step/)
})

test('Directory holds a million pages of eight replicas in 64 MB', () => {
  const regions = Array.from({ length: 1000 }, () => ({ experts: 1000 }))
  assert.ok(new Directory(regions, 8).bytes <= 64e6)
})
