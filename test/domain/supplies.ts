/** Real supply threads over real sockets, and what a test asks of them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Supply, SupplyAnswer } from '../../src/domain/supply.js'
import { openSupply } from '../../src/domain/supply-link.js'
import type { SupplyOpened, SupplySetup } from '../../src/domain/supply-messages.js'
import type { PageAt } from '../../src/fabric/control.js'
import type { Identity } from '../../src/fabric/identity.js'
import { pageRef } from '../../src/pages/manifest.js'
import { pageBytes } from '../pages/support.js'
import { waitUntil } from '../support/processes.js'
import { scratchDirectory } from '../support/scratch.js'
import type { PageHead } from './page-head.js'

export type Supplying = SupplyOpened & {
  readonly supply: Supply
  readonly identity: Identity
  readonly folder: string
}

const opened: Supply[] = []
const now = (): number => performance.now()

/** For supplies that are not meant to open. */
export async function tryOpening(setup: SupplySetup): Promise<void> {
  const { supply } = await openSupply(setup, now)
  opened.push(supply)
}

export function setupOf(head: PageHead, change: Partial<SupplySetup> = {}): SupplySetup {
  return {
    head: { host: '127.0.0.1', port: head.port, pin: head.identity.pin, plain: false },
    identity: head.newNode(),
    modelHash: head.manifest.model,
    modelPath: null,
    isOneOfSeveral: false,
    search: false,
    urls: [],
    store: { folder: join(scratchDirectory(), 'pages'), bytesMax: 1 << 30 },
    logLevel: 'error',
    ...change,
  }
}

export async function supplyOf(
  head: PageHead,
  change: Partial<SupplySetup> = {},
): Promise<Supplying> {
  const setup = setupOf(head, change)
  const supplying = await openSupply(setup, now)
  opened.push(supplying.supply)
  return { ...supplying, identity: setup.identity, folder: setup.store.folder ?? '' }
}

export function closeAll(): void {
  for (const supply of opened) supply.close()
}

/** All pages of the first regions, by region and expert. */
export function pagesAt({ manifest }: Pick<Supplying, 'manifest'>, regions = 1): PageAt[] {
  return manifest.regions
    .slice(0, regions)
    .flatMap(({ experts }, region) =>
      Array.from({ length: experts }, (_, expert) => ({ region, expert })),
    )
}

/** The answers to what was wanted, in the order of their coming. */
export async function answersOf({ supply }: Supplying): Promise<SupplyAnswer[]> {
  const answers: SupplyAnswer[] = []
  await waitUntil(() => {
    answers.push(...supply.take())
    return supply.pending === 0
  }, 'not all pages were answered')
  return answers
}

/** Wants pages and checks that each comes once, right, and from where it is meant to come. */
export async function fetched(
  supplying: Supplying,
  pages: readonly PageAt[],
  { model, from }: { model: string; from: 'store' | 'copy' },
): Promise<void> {
  supplying.supply.want(pages)
  const answers = await answersOf(supplying)
  assert.equal(answers.length, pages.length)
  const seen = new Set<string>()
  for (const answer of answers) {
    if (answer.kind === 'failed') throw answer.error
    const { region, expert, source } = answer.page
    seen.add(`${region} ${expert}`)
    assert.equal(source === null, from === 'copy', `expert ${expert} of region ${region}`)
    if (source === null) continue
    const page = pageRef(supplying.manifest, { region, expert })
    assert.ok(page !== undefined && source.file.startsWith(supplying.folder))
    const bytes = readFileSync(source.file).subarray(source.offset)
    assert.deepEqual(bytes, pageBytes(model, page))
  }
  assert.equal(seen.size, pages.length)
}
