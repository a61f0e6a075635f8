/** Where the model lies, host by host. */
import { formatBytes } from '../../../base/units.js'
import type { Section } from '../../../chart/html-page.js'
import type { TierBytes } from '../../cost/placement.js'
import { count, plural, whole } from '../../numbers.js'
import type { HostPlacement, PlanResult } from '../plan.js'

export function placementSection({ placement }: PlanResult): Section {
  const { pages, pageBytes, replicas, copiesPerToken, sequenceBytes, maxBatch } = placement
  const copies = replicas === 1 ? 'one copy of each' : `${replicas} copies of each`
  const hops = copiesPerToken > 0 ? ` A token goes to ${count(copiesPerToken)} hosts a layer.` : ''
  return {
    title: 'Where it lies',
    paragraphs: [
      `${whole(pages)} pages of ${formatBytes(pageBytes)}, ${copies}.${hops} The KV cache has room ` +
        `for ${plural(maxBatch, 'sequence')} of ${formatBytes(sequenceBytes)}.`,
    ],
    table: {
      titles: ['host', 'has', 'trunk', 'pages on cards', 'in RAM', 'on disk', 'cards used'],
      rows: placement.hosts.map(hostRow),
    },
  }
}

function hostRow(host: HostPlacement): string[] {
  const { count: many, cards, trunk, pages, deviceBytes } = host
  const name = host.isHead && host.name !== 'head' ? `${host.name} (head)` : host.name
  const used = (trunk.device + pages.device) / deviceBytes
  return [
    many === 1 ? name : `${many} x ${name}`,
    cards,
    bytesOr(trunk.device + trunk.ram + trunk.disk),
    ...(['device', 'ram', 'disk'] as const).map((tier: keyof TierBytes) => bytesOr(pages[tier])),
    `${(100 * used).toFixed(0)} %`,
  ]
}

function bytesOr(bytes: number): string {
  return bytes < 1 ? '-' : formatBytes(bytes)
}
