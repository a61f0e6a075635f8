/** A head sees links come and go for months: what one has owned must go with it. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { FRAME } from '../../src/fabric/frame.js'
import type { NativeBuffer } from '../../src/native/memory.js'
import { collectGarbage, residentGrowth } from '../support/memory.js'
import { frameOf, nextFrame } from './frames.js'
import { type End, memoryLinks, socketLinks } from './link-pair.js'
import { newIdentity } from './nodes.js'

/** Two ends take some 100 kB with their first frames, twice as much with TLS. */
const GROWTH_BYTES_MAX = 8 << 20
const keys = { head: newIdentity(), node: newIdentity() }

const KINDS: Readonly<Record<string, { open: () => { head: End; node: End }; times: number }>> = {
  memory: { open: () => memoryLinks(1 << 20), times: 400 },
  sockets: { open: () => socketLinks(), times: 400 },
  TLS: { open: () => socketLinks(keys), times: 100 },
}

function liveOnce({ head, node }: { head: End; node: End }, frame: NativeBuffer): void {
  assert.equal(head.link.send(frame, frame.bytes.length), true)
  nextFrame(node.link, [head.link])
  assert.equal(node.link.send(frame, frame.bytes.length), true)
  nextFrame(head.link, [node.link])
  head.link.close()
  node.link.close()
}

for (const [kind, { open, times }] of Object.entries(KINDS)) {
  test(`links that have ended hold nothing: ${kind}`, async () => {
    const frame = frameOf(FRAME.load, { bytes: 6000 })
    const live = (): void => liveOnce(open(), frame)
    live()
    const before = await held()
    const growth = residentGrowth(live, { times, rounds: 20 })
    const after = await held()
    assert.ok(growth < GROWTH_BYTES_MAX, `${growth} bytes more for ${times} links`)
    assert.ok(after.bytes - before.bytes < 1 << 20, `${before.bytes} became ${after.bytes}`)
    assert.equal(after.files, before.files)
  })
}

/** By this process' own count, which tells nothing of native memory. */
async function held() {
  collectGarbage()
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  const files = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0
  return { bytes: heapUsed + external, files }
}
