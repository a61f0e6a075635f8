/** A head that does nothing but serve pages, over real TLS, for tests of supplies. */
import { copyFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { admitOver } from '../../src/fabric/handshake-io.js'
import type { Identity } from '../../src/fabric/identity.js'
import type { NodeRegistry } from '../../src/fabric/node-registry.js'
import { PageService, type ServedModel } from '../../src/fabric/page-service.js'
import { listenSecure } from '../../src/fabric/secure-listener.js'
import { openGguf } from '../../src/gguf/reader.js'
import type { Manifest } from '../../src/pages/manifest.js'
import { manifestOf } from '../../src/pages/manifest-store.js'
import { servedModel } from '../../src/pages/served-model.js'
import { newHead, newIdentity, type TestHead } from '../fabric/nodes.js'
import { scratchDirectory } from '../support/scratch.js'

export type PageHead = {
  readonly manifest: Manifest
  readonly service: PageService
  readonly registry: NodeRegistry
  readonly identity: Identity
  readonly port: number
  /** The head's own copy of the model. */
  readonly path: string
  /** A node that the head knows. */
  readonly newNode: () => Identity
  readonly close: () => Promise<void>
}

export type PageHeadOptions = {
  /** Where it was before, to come back. */
  readonly head?: TestHead
  readonly port?: number
  /** What it serves instead of its model. */
  readonly change?: (model: ServedModel) => ServedModel
  readonly bytesPerSecond?: number
  /** Without encryption. */
  readonly plain?: boolean
}

const TIMEOUT_MS = 60_000

export async function pageHead(path: string, options: PageHeadOptions = {}): Promise<PageHead> {
  const { head = newHead(), port = 0, change = (model) => model } = options
  const manifest = await manifestOf(path, { folder: scratchDirectory() })
  const { registry, identity, admission } = head
  const { bytesPerSecond = Number.POSITIVE_INFINITY } = options
  const service = new PageService({ registry, bytesPerSecond, now: () => performance.now() })
  service.serve(change(servedModel(manifest, openGguf(path))))
  const sockets = new Set<Socket>()
  const welcome = { ...head.welcome, modelHash: manifest.model }
  const listener = await listenSecure({
    host: '127.0.0.1',
    port,
    identity,
    plain: options.plain ?? false,
    handshakeTimeoutMs: TIMEOUT_MS,
    maxPending: 16,
    onSocket: async (connection) => {
      sockets.add(connection.socket)
      const entered = { welcome, admission, door: service, timeoutMs: TIMEOUT_MS }
      const { result, frames } = await admitOver(connection, entered)
      if ('pages' in result) service.open(connection, { frames, nodeId: result.nodeId })
    },
  })
  return {
    manifest,
    service,
    registry,
    identity,
    port: listener.port,
    path,
    newNode: () => {
      const node = newIdentity()
      registry.admit({ nodeId: node.nodeId, name: 'node' })
      return node
    },
    close: async () => {
      service.close()
      for (const socket of sockets) socket.destroy()
      await listener.close()
    },
  }
}

/** A copy of a file that a test may spoil. */
export function ownCopy(path: string): string {
  const copy = join(scratchDirectory(), 'model.gguf')
  copyFileSync(path, copy)
  return copy
}
