/**
 * Domains of a star, one or several in a process: join heads and answer every dispatch at once with
 * as many bytes as it asks for, until a head is gone. Argument: a `NodeStart` in JSON.
 */
import { Credits } from '../src/fabric/credits.js'
import type { DataLink } from '../src/fabric/data-link.js'
import { loadIdentity } from '../src/fabric/identity.js'
import { waitAny } from '../src/fabric/wait-any.js'
import { insideNamespace } from './enter-namespace.js'
import { answer, type Door, joinHead } from './star-fabrics.js'
import { now } from './support.js'

export type NodeStart = {
  readonly domains: readonly {
    readonly folder: string
    /** Of its host; null: that of the process. */
    readonly namespace: string | null
  }[]
  readonly doors: readonly Door[]
  /** Whether one budget of credit serves all heads of a domain. */
  readonly hasSharedCredits: boolean
}

export type FromNode = { readonly kind: 'joined' }

const SLEEP_MS = 1000

const { domains, doors, hasSharedCredits } = JSON.parse(process.argv[2] ?? '') as NodeStart
const links: DataLink[] = []
for (const { folder, namespace } of domains) {
  if (namespace === null) join(folder)
  else insideNamespace(namespace, () => join(folder))
}

function join(folder: string): void {
  const identity = loadIdentity(folder)
  const credits = hasSharedCredits ? new Credits({ isStanding: true, now }) : undefined
  for (const door of doors) joinHead({ identity, door, credits, onLink: add })
}

function add(link: DataLink): void {
  links.push(link)
  if (links.length < domains.length * doors.length) return
  process.send?.({ kind: 'joined' } satisfies FromNode, undefined, undefined, serve)
}

function serve(): void {
  while (links.every(({ isOpen }) => isOpen)) {
    for (const link of links) while (answer(link));
    waitAny(links, SLEEP_MS)
  }
  process.exit()
}
