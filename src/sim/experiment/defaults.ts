/** What stands for fields of an experiment that are left out. */
import { HEADER_BYTES } from '../net/packet.js'
import type { Fields } from './fields.js'

export const DEFAULTS = {
  rate: 12.5e9,
  delay: 1e-6,
  buffer: 100_000,
  mtu: 4096 + HEADER_BYTES,
  transport: 'tcp',
  workload: { kind: 'incast', senders: 16 },
  bytes: 256_000,
  tokens: 128,
  cards: 4,
  card: 'rtx-4090',
  layout: 'apart',
  until: 10,
} as const satisfies Fields
