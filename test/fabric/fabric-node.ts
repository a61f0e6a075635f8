/** A node of its own process: joins a head and sends every frame back until it is gone. */
import { Fabric } from '../../src/fabric/fabric.js'
import { loadIdentity } from '../../src/fabric/identity.js'
import { MODEL_HASH } from './nodes.js'

const [join = '', folder = ''] = process.argv.slice(2)

const fabric = new Fabric({
  role: {
    role: 'domain',
    identity: loadIdentity(folder),
    host: '127.0.0.1',
    plain: false,
    name: 'child',
    modelHash: MODEL_HASH,
    cards: [{ device: 'cpu', memoryBytes: 1, gflops: 0, readBytesPerSecond: 0 }],
    heartbeatMs: 50,
    leaseMs: 60_000,
    ...JSON.parse(join),
  },
  spinUs: 50,
  now: () => performance.now(),
  onCrash: () => process.exit(1),
  onEvent: (event) => {
    if (event.kind !== 'joined') return
    const link = fabric.link(event)
    while (link.isOpen) {
      const frame = link.receive(1000)
      if (frame !== undefined) link.send(frame.buffer, frame.bytes)
    }
    process.exit()
  },
})
