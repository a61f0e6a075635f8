/**
 * What one layer of a step asks of the network: for each host that routed tokens and each domain
 * that holds experts for them, a dispatch out and a combine back. With the two-level page table a
 * domain gets one copy of a token and answers with one sum; without it each chosen expert gets a
 * copy of its own and answers by itself. Bytes are those of the fleet's own frames. Knows nothing
 * of time.
 */
import { combineBytes, dispatchLayout } from '../../fabric/dispatch-layout.js'
import { Partition, type RouterChoice, type Share } from '../../fleet/partition.js'
import { type DomainWork, type RegionHolders, ReplicaChooser } from '../../fleet/replica-choice.js'

/** Who gets a copy of a token: each domain it needs, or each expert. */
export type CopyPer = 'domain' | 'expert'

export type RowBytes = { readonly dispatch: number; readonly combine: number }

/** Between one host that has tokens and one domain. */
export type MoeExchange = {
  /** Position among those that have tokens. */
  readonly source: number
  readonly domain: number
  readonly tokens: number
  readonly pairs: number
  readonly dispatchBytes: number
  readonly combineBytes: number
}

export type LayerLoad = {
  readonly exchanges: readonly MoeExchange[]
  /** By domain: pairs of each expert that was chosen there. */
  readonly work: ReadonlyArray<ReadonlyMap<number, number>>
}

export type LoadOptions = {
  readonly domains: number
  readonly work: DomainWork
  readonly rowBytes: RowBytes
  readonly copyPer: CopyPer
}

export class LoadMaker {
  readonly #options: LoadOptions
  readonly #chooser: ReplicaChooser
  readonly #partition: Partition

  constructor(options: LoadOptions) {
    this.#options = options
    this.#chooser = new ReplicaChooser(options.domains)
    this.#partition = new Partition(options.domains)
  }

  /**
   * One layer; `choices` by source, who choose replicas without knowing of each other. Each begins
   * with another domain, or all would send to the same one at once.
   */
  make(choices: readonly RouterChoice[], holders: RegionHolders): LayerLoad {
    const { domains, work: estimates } = this.#options
    const exchanges: MoeExchange[] = []
    const work = Array.from({ length: domains }, () => new Map<number, number>())
    choices.forEach((choice, source) => {
      const owners = this.#chooser.choose(choice, { ...holders, work: estimates })
      const shares = this.#partition.split(choice, owners)
      for (let turn = 1; turn <= domains; turn++) {
        const domain = (source + turn) % domains
        const [share, pairsOf] = [shares[domain], work[domain]]
        if (share === undefined || pairsOf === undefined || share.pairCount === 0) continue
        exchanges.push({ source, domain, ...this.#sizes(share) })
        for (const expert of share.experts.subarray(0, share.pairCount)) {
          pairsOf.set(expert, (pairsOf.get(expert) ?? 0) + 1)
        }
      }
    })
    return { exchanges, work }
  }

  #sizes({ tokenCount: tokens, pairCount: pairs }: Share): Omit<MoeExchange, 'source' | 'domain'> {
    const { rowBytes, copyPer } = this.#options
    const rows = copyPer === 'domain' ? tokens : pairs
    const { bytes } = dispatchLayout({ tokens: rows, pairs, rowBytes: rowBytes.dispatch })
    return {
      tokens,
      pairs,
      dispatchBytes: bytes,
      combineBytes: combineBytes(rows, rowBytes.combine),
    }
  }
}
