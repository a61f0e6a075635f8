/** Why nodes are not let in, and why they are lost: in words for people. */
import { SputnikError } from '../base/errors.js'
import type { JoinAnswer, LossReason } from './membership.js'

export const EVICTED = 'this node was evicted from the fleet'

export const LOST: Readonly<Record<LossReason, string>> = {
  lease: 'nothing was heard of it',
  connection: 'its link has ended',
  replaced: 'it has joined again',
  evicted: 'it was evicted',
  left: 'it has left',
}

export function refusal({
  reason,
  retryMs,
}: Extract<JoinAnswer, { isAccepted: false }>): SputnikError {
  if (reason === 'evicted') return new SputnikError('NODE_EVICTED', EVICTED)
  if (reason === 'full') return new SputnikError('FLEET_FULL', 'too many nodes are known')
  const seconds = Math.ceil(retryMs / 1000)
  const text = `this node was lost too often, it may join in ${seconds} s`
  return new SputnikError('NODE_KEPT_OUT', text, { seconds })
}
