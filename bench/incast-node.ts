/**
 * A domain without cards, for `incast`: answers every dispatch at once with as many bytes as it asks
 * for. Joins a head twice, once with credits and once without. Argument: a `NodeStart` in JSON.
 */
import type { DataLink } from '../src/fabric/data-link.js'
import { Fabric } from '../src/fabric/fabric.js'
import { FRAME, HEADER_BYTES, writeHeader } from '../src/fabric/frame.js'
import { loadIdentity } from '../src/fabric/identity.js'
import { waitAny } from '../src/fabric/wait-any.js'
import { type Door, INCAST_TIMING, MODEL_HASH } from './incast-shared.js'
import { now } from './support.js'

export type NodeStart = {
  readonly host: string
  readonly folder: string
  readonly doors: readonly Door[]
}

const SLEEP_MS = 1000
const card = { device: 'none', memoryBytes: 1, gflops: 0, readBytesPerSecond: 0 }

const { host, folder, doors } = JSON.parse(process.argv[2] ?? '') as NodeStart
const identity = loadIdentity(folder)
const links: DataLink[] = []
for (const door of doors) {
  const { port, pin, key, isCredited } = door
  const about = { name: 'node', modelHash: MODEL_HASH, cards: [card] }
  const fabric: Fabric = new Fabric({
    role: {
      role: 'domain',
      identity,
      host,
      port,
      pin,
      key,
      plain: false,
      ...about,
      ...INCAST_TIMING,
    },
    spinUs: 0,
    isCredited,
    now,
    onCrash: () => process.exit(1),
    onEvent: (event) => {
      if (event.kind === 'ended') fail(event.reason)
      if (event.kind === 'failed') fail(event.error.message)
      if (event.kind !== 'joined') return
      links.push(fabric.link(event))
      if (links.length < doors.length) return
      process.send?.({ kind: 'joined' }, undefined, undefined, serve)
    },
  })
}

function fail(reason: string): never {
  process.stderr.write(`a node of incast: ${reason}\n`)
  process.exit(1)
}

/** Until the head is gone. */
function serve(): void {
  while (links.every(({ isOpen }) => isOpen)) {
    for (const link of links) while (answer(link));
    waitAny(links, SLEEP_MS)
  }
  process.exit()
}

function answer(link: DataLink): boolean {
  const asked = link.poll()
  if (asked === undefined || asked === 'gone') return false
  const { view } = asked.buffer
  const bytes = view.getUint32(HEADER_BYTES, true)
  const frame = link.frame(bytes)
  const rest = { encoding: 0, region: 0, attempt: 0, tokens: 0, computeUs: 0 }
  const payloadBytes = bytes - HEADER_BYTES
  const step = view.getUint32(8, true)
  writeHeader(frame.view, { ...rest, kind: FRAME.combine, payloadBytes, step })
  link.send(frame, bytes)
  return true
}
