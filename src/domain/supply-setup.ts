/** What a domain's supply thread is started with, by what `sputnik join` was told. */
import { createPublicKey } from 'node:crypto'
import { formatBytes } from '../base/units.js'
import { type Identity, pinOf } from '../fabric/identity.js'
import type { DomainConfig, HeadConfig } from './protocol.js'
import type { SupplyOpened, SupplySetup } from './supply-messages.js'

export function identityOf({ identity }: DomainConfig): Identity {
  const key = createPublicKey(identity.certificatePem)
  return { ...identity, pin: pinOf(key.export({ type: 'spki', format: 'der' })) }
}

/** For one of the heads; `modelHash` is that of its welcome. */
export function supplySetup(
  config: DomainConfig,
  { head, modelHash }: { head: HeadConfig; modelHash: string },
): SupplySetup {
  const { heads, plain, modelPath, search, sources, pageStore, logLevel } = config
  const { host, port, pin } = head
  return {
    head: { host, port, pin, plain },
    identity: identityOf(config),
    modelHash,
    modelPath,
    isOneOfSeveral: heads.length > 1,
    search,
    urls: sources,
    store: pageStore,
    logLevel,
  }
}

/** For people: where the pages will come from. */
export function describe({ copy, storeBytesMax }: SupplyOpened): string {
  const [first] = copy?.files ?? []
  if (first !== undefined) return `pages lie in ${first}`
  return `pages come over the network; room for ${formatBytes(storeBytesMax)} of them on disk`
}
