/**
 * A domain of a star: joins heads and answers every dispatch at once with as many bytes as it asks
 * for, until a head is gone. Argument: a `NodeStart` in JSON.
 */
import { Credits } from '../src/fabric/credits.js'
import type { DataLink } from '../src/fabric/data-link.js'
import { loadIdentity } from '../src/fabric/identity.js'
import { waitAny } from '../src/fabric/wait-any.js'
import { answer, type Door, joinHead } from './star-fabrics.js'
import { now } from './support.js'

export type NodeStart = {
  readonly folder: string
  readonly doors: readonly Door[]
  /** Whether one budget of credit serves all heads. */
  readonly hasSharedCredits: boolean
}

export type FromNode = { readonly kind: 'joined' }

const SLEEP_MS = 1000

const { folder, doors, hasSharedCredits } = JSON.parse(process.argv[2] ?? '') as NodeStart
const identity = loadIdentity(folder)
const credits = hasSharedCredits ? new Credits({ isStanding: true, now }) : undefined
const links: DataLink[] = []
for (const door of doors) joinHead({ identity, door, credits, onLink: add })

function add(link: DataLink): void {
  links.push(link)
  if (links.length < doors.length) return
  process.send?.({ kind: 'joined' } satisfies FromNode, undefined, undefined, serve)
}

function serve(): void {
  while (links.every(({ isOpen }) => isOpen)) {
    for (const link of links) while (answer(link));
    waitAny(links, SLEEP_MS)
  }
  process.exit()
}
