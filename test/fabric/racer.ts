/** A process that does one thing with a state folder as soon as its parent says so. */

import { writeSync } from 'node:fs'
import { loadIdentity } from '../../src/fabric/identity.js'
import { JoinKeys } from '../../src/fabric/join-keys.js'

const [, , mode = '', folder = '', id = '', secret = '', first = '0'] = process.argv
const NODES = 5

const MODES: Record<string, () => string> = {
  identity: () => loadIdentity(folder).nodeId,
  redeem: () => String(redeemMany()),
}

/** How many of five nodes may use the key. */
function redeemMany(): number {
  const keys = new JoinKeys(folder, { now: Date.now })
  let admitted = 0
  for (let i = 0; i < NODES; i++) {
    try {
      keys.redeem({ id, secret }, `node-${Number(first) + i}`)
      admitted++
    } catch {
      // Counted by what is left.
    }
  }
  return admitted
}

process.stdin.once('data', () => {
  writeSync(1, MODES[mode]?.() ?? '')
  process.exit(0)
})
writeSync(1, '.')
