/** A domain that joined, as its head sees it, over a link of the test's own. */
import { PROTOCOL_VERSION } from '../../src/fabric/frame.js'
import {
  type PeerLink,
  RemoteDomain,
  type RemoteDomainOptions,
} from '../../src/fleet/remote-domain.js'
import { allocateNative, type NativeBuffer } from '../../src/native/memory.js'

export type Ends = {
  readonly send: (frame: NativeBuffer, bytes: number) => void
  /** What has come from the domain. */
  readonly poll: () => NativeBuffer | undefined
}

export function linkOf({ send, poll }: Ends): PeerLink {
  let isOpen = true
  return {
    ...{ peer: 1, heartbeats: 1, roundTripUs: 1, bytesSent: 0, bytesReceived: 0 },
    waits: { fd: -1, isWriting: false, doze: () => true, wake: () => {} },
    get isOpen() {
      return isOpen
    },
    frame: (bytes) => allocateNative(bytes),
    send: (frame, bytes) => {
      send(frame, bytes)
      return true
    },
    receive: () => undefined,
    poll: () => {
      const buffer = poll()
      return buffer && { buffer, bytes: buffer.bytes.length }
    },
    close: () => {
      isOpen = false
    },
  }
}

export const NODE_ID = 'a'.repeat(64)

/** It has a GPU and the memory of its machine. */
export function remoteDomain(
  options: Pick<RemoteDomainOptions, 'id' | 'link' | 'table'>,
): RemoteDomain {
  const cards = ['cuda0', 'cpu'].map((device) => ({ device, memoryBytes: 1e6 }))
  const about = { nodeId: NODE_ID, name: 'attic', key: null, modelHash: null }
  return new RemoteDomain({
    ...{ nodeId: NODE_ID, address: '', now: () => 0 },
    join: { type: 'join', protocol: PROTOCOL_VERSION, ...about, cards },
    ...options,
  })
}
