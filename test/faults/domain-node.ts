/** A machine that lends cards: its process is started, ends, and is started again. */
import { Rejoin } from '../../src/domain/rejoin.js'
import { DomainProcess } from './domain-process.js'
import type { IntegerModel } from './integer-model.js'
import type { Wire } from './network.js'
import type { DomainPlan } from './scenario.js'
import type { Session } from './session.js'
import type { Sim } from './sim.js'

export type DomainNodeOptions = {
  readonly sim: Sim
  readonly model: IntegerModel
  readonly index: number
  readonly plan: DomainPlan
  readonly wires: { readonly head: Wire; readonly domain: Wire }
  /** Its process wants to join; answered by `joined` of the process or `refused` of the node. */
  readonly join: (node: DomainNode) => void
}

export class DomainNode {
  readonly index: number
  readonly plan: DomainPlan
  readonly wires: DomainNodeOptions['wires']
  readonly #options: DomainNodeOptions
  /** What is in each page of its cache. */
  readonly #disk = new Map<string, number>()
  readonly #rejoin = new Rejoin()
  #process: DomainProcess | undefined
  /** It has been started once. */
  isExpected = false
  /** The head does not want it: nobody starts it again but people. */
  isEvicted = false

  constructor(options: DomainNodeOptions) {
    const { plan, index, wires } = options
    this.#options = options
    this.index = index
    this.plan = plan
    this.wires = wires
  }

  get nodeId(): string {
    return this.plan.nodeId
  }

  get process(): DomainProcess | undefined {
    return this.#process
  }

  get session(): Session | undefined {
    return this.#process?.session
  }

  start(): void {
    if (this.#process !== undefined || this.isEvicted) return
    this.isExpected = true
    const { sim, model, index, plan, join } = this.#options
    const disk = this.#disk
    sim.note('domain starts', index)
    const onEnd = (process: DomainProcess): void => this.#ended(process)
    this.#process = new DomainProcess({ sim, model, index, plan, disk, onEnd })
    join(this)
  }

  /** The process ends at once; `isSilent`: with the whole machine. Somebody starts it again. */
  crash({ isSilent, losesDisk }: { isSilent: boolean; losesDisk: boolean }): void {
    this.#process?.crash({ isSilent })
    this.#process = undefined
    if (losesDisk) this.#disk.clear()
  }

  /** It was not let in; `isFinal`: and will not be. */
  refused(process: DomainProcess | undefined, { isFinal }: { isFinal: boolean }): void {
    if (process === undefined || process !== this.#process) return
    if (isFinal) this.isEvicted = true
    process.crash({ isSilent: false })
    this.#ended(process)
  }

  #ended(process: DomainProcess): void {
    if (process !== this.#process) return
    const { sim } = this.#options
    this.#process = undefined
    if (process.readyMs !== undefined) this.#rejoin.ready(process.readyMs)
    sim.after(this.#rejoin.ended(undefined, sim.nowMs), () => this.start())
  }
}
