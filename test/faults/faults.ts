/** What goes wrong in a simulation, drawn from its seed, and how it is put right again. */
import { defined } from '../../src/base/assert.js'
import type { TrafficRequest } from '../../src/pages/better-placement.js'
import type { DomainNode } from './domain-node.js'
import type { HeadNode } from './head-node.js'
import type { Wire } from './network.js'
import type { Sim } from './sim.js'
import type { SimProcess } from './sim-process.js'

/** What faults are done to. */
export type Patient = {
  readonly sim: Sim
  readonly nodes: readonly DomainNode[]
  readonly head: HeadNode | undefined
  /** Node ids that no head lets in. */
  readonly evicted: Set<string>
  /** Faults go on for so long, if they did not already. */
  lastsFor(ms: number): void
  /** Ends the head; another one starts after that time. */
  restartHead(afterMs: number): void
}

type Fault = {
  readonly name: string
  readonly weight: number
  /** Somebody may fall silent without a word. */
  readonly isSilent?: boolean
  readonly act: (patient: Patient, node: DomainNode) => void
}

const FAULTS: readonly Fault[] = [
  { name: 'crash', weight: 3, act: (patient, node) => crash(patient, node, false) },
  {
    name: 'power cut',
    weight: 2,
    isSilent: true,
    act: (patient, node) => crash(patient, node, true),
  },
  { name: 'card crash', weight: 3, act: crashCard },
  { name: 'card crash without pages', weight: 3, act: losePages },
  {
    name: 'own card crash',
    weight: 2,
    act: ({ head, sim }) => head?.own[sim.prng.nextBelow(2)]?.crash(),
  },
  { name: 'flapping', weight: 1, act: flap },
  { name: 'reset', weight: 3, act: (_, node) => node.session?.reset() },
  {
    name: 'partition',
    weight: 2,
    isSilent: true,
    act: (patient, { wires }) => cut(patient, [wires.head, wires.domain]),
  },
  {
    name: 'deaf',
    weight: 2,
    isSilent: true,
    act: (patient, { wires }) => cut(patient, [wires.domain]),
  },
  {
    name: 'mute',
    weight: 2,
    isSilent: true,
    act: (patient, { wires }) => cut(patient, [wires.head]),
  },
  { name: 'slow cards', weight: 3, act: slowCards },
  { name: 'slow link', weight: 2, isSilent: true, act: slowLink },
  {
    name: 'stopped',
    weight: 3,
    isSilent: true,
    act: ({ sim }, node) => stopFor(sim, node.process),
  },
  { name: 'stopped clock', weight: 1, act: ({ sim }, node) => stillFor(sim, node.process) },
  { name: 'stopped head', weight: 1, isSilent: true, act: ({ sim, head }) => stopFor(sim, head) },
  { name: 'head clock stopped', weight: 1, act: ({ sim, head }) => stillFor(sim, head) },
  {
    name: 'head restart',
    weight: 2,
    act: (patient) => patient.restartHead(patient.sim.between(50, 2000)),
  },
  { name: 'drain', weight: 2, act: drain },
  { name: 'leave', weight: 2, act: (_, node) => node.process?.leave() },
  { name: 'evict', weight: 2, act: evict },
  { name: 'other placement', weight: 3, act: relocate },
  { name: 'late node', weight: 2, act: startLate },
  { name: 'bad sources', weight: 3, act: spoilSources },
]

const FLAPS = 6
const FLAP_MS = 9000
const WHOLE_WEIGHT = FAULTS.reduce((sum, { weight }) => sum + weight, 0)

/** One fault of a random kind, to a random node. */
export function strike(patient: Patient): void {
  const { sim, nodes } = patient
  let at = sim.prng.nextBelow(WHOLE_WEIGHT)
  const fault = FAULTS.find(({ weight }) => {
    at -= weight
    return at < 0
  })
  const node = defined(nodes[sim.prng.nextBelow(nodes.length)], 'a node')
  const { name, act, isSilent = false } = defined(fault, 'a fault')
  if (isSilent) sim.counts.add('silent faults')
  sim.counts.add(`fault: ${name}`)
  sim.note(`fault: ${name}`, node.index)
  act(patient, node)
  patient.head?.struck()
}

/** Everything works again, from now on. */
export function mendAll(patient: Patient): void {
  const { sim, nodes, head } = patient
  sim.note('faults are over')
  head?.goOn()
  head?.startClock()
  for (const node of nodes) {
    if (head?.memberOf(node)?.state === 'draining') keep(patient, node)
    mend(node)
    node.start()
    pardon(patient, node)
  }
}

function mend({ process, wires, plan }: DomainNode): void {
  for (const wire of [wires.head, wires.domain]) {
    wire.slowness = 1
    wire.mend()
  }
  if (process === undefined) return
  process.goOn()
  process.startClock()
  process.slowDown(1)
  process.supply.failShare = 0
  process.supply.wrongShare = plan.wrongShare
}

/** A domain that gives its pages away stays so until it joins again or is pardoned. */
function keep({ sim, head }: Patient, node: DomainNode): void {
  const how = sim.prng.nextBelow(3)
  if (how === 0) node.session?.reset()
  else if (how === 1) head?.soon(() => head.fleet.pardon(node.nodeId))
}

/** People let a node in again and start it. */
function pardon({ head, evicted }: Patient, node: DomainNode): void {
  const act = (): void => {
    if (!evicted.delete(node.nodeId)) return
    head?.fleet.pardon(node.nodeId)
    node.isEvicted = false
    node.start()
  }
  if (head === undefined) act()
  else head.soon(act)
}

function crash({ sim }: Patient, node: DomainNode, isSilent: boolean): void {
  node.crash({ isSilent, losesDisk: sim.chance(0.3) })
  sim.after(sim.between(20, 4000), () => node.start())
}

function crashCard({ sim }: Patient, node: DomainNode): void {
  node.process?.crashCard(sim.prng.nextBelow(node.plan.cards.length))
}

/** Some of its pages cannot be read again, and sources may be bad as well. */
function losePages(patient: Patient, node: DomainNode): void {
  const { sim } = patient
  const share = sim.between(0.05, 1)
  node.process?.supply.lose(() => sim.chance(share))
  if (sim.chance(0.5)) spoilSources(patient, node)
  crashCard(patient, node)
}

/** It comes and goes. */
function flap(patient: Patient, node: DomainNode): void {
  const { sim } = patient
  patient.lastsFor(FLAP_MS)
  for (let time = 0; time < FLAPS; time++) {
    sim.after((FLAP_MS / FLAPS) * time, () => node.session?.reset())
  }
}

function cut({ sim }: Patient, wires: readonly Wire[]): void {
  for (const wire of wires) wire.cut()
  sim.after(sim.between(10, sim.chance(0.5) ? 1000 : 8000), () => {
    for (const wire of wires) wire.mend()
  })
}

function slowCards({ sim }: Patient, { process }: DomainNode): void {
  process?.slowDown(sim.chance(0.5) ? 10 : 100)
  sim.after(sim.between(100, 5000), () => process?.slowDown(1))
}

function slowLink({ sim }: Patient, { wires }: DomainNode): void {
  const factor = sim.between(5, 100)
  wires.head.slowness = factor
  wires.domain.slowness = factor
  sim.after(sim.between(100, 5000), () => {
    wires.head.slowness = 1
    wires.domain.slowness = 1
  })
}

function stopFor(sim: Sim, process: SimProcess | undefined): void {
  process?.stop()
  sim.after(sim.between(50, sim.chance(0.5) ? 1000 : 8000), () => process?.goOn())
}

function stillFor(sim: Sim, process: SimProcess | undefined): void {
  process?.stopClock()
  sim.after(sim.between(50, 4000), () => process?.startClock())
}

function drain({ head }: Patient, node: DomainNode): void {
  head?.soon(() => {
    if (head.isJoined(node.nodeId)) head.fleet.drain(node.nodeId)
  })
}

function evict(patient: Patient, node: DomainNode): void {
  const { sim, head, evicted } = patient
  head?.soon(() => {
    if (!head.isJoined(node.nodeId)) return
    evicted.add(node.nodeId)
    head.fleet.evict(node.nodeId)
  })
  sim.after(sim.between(500, 4000), () => pardon(patient, node))
}

/** Somebody has thought about the traffic, which takes a while, and wants pages elsewhere. */
function relocate(patient: Patient, node: DomainNode): void {
  const { sim, head } = patient
  head?.soon(() => {
    const request = head.fleet.traffic()
    if (request === undefined) return
    const { epoch } = head.fleet.directory
    const turn = 1 + sim.prng.nextBelow(3)
    const wanted = turned(request, turn)
    const tell = (): void => {
      if (head.fleet.directory.epoch === epoch) head.fleet.relocate(wanted)
    }
    const thinkMs = sim.between(1, 500)
    sim.after(thinkMs, () => head.soon(tell))
    // Somebody drains a node just before the answer comes.
    if (sim.chance(0.3)) sim.after(thinkMs * sim.between(0.8, 1), () => drain(patient, node))
  })
}

/** The experts of each region change places, so that each domain has as many as before. */
function turned({ regions, holders }: TrafficRequest, by: number): (readonly number[])[] {
  let first = 0
  return regions.flatMap(({ experts }) => {
    const own = holders.slice(first, first + experts)
    first += experts
    return own.map((_, expert) => own[(expert + by) % experts] ?? [])
  })
}

/** One of those that were not there from the beginning. */
function startLate({ nodes }: Patient): void {
  nodes.find(({ isExpected }) => !isExpected)?.start()
}

function spoilSources({ sim }: Patient, { process, plan }: DomainNode): void {
  if (process === undefined) return
  const { supply } = process
  supply.failShare = sim.chance(0.5) ? sim.between(0.1, 1) : 0
  supply.wrongShare = sim.between(0.1, 0.9)
  sim.after(sim.between(100, 5000), () => {
    supply.failShare = 0
    supply.wrongShare = plan.wrongShare
  })
}
