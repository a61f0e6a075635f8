/** Which choices do not go together, and what to do instead. */
import { SputnikError } from '../../base/errors.js'
import type { Fields } from './fields.js'
import { TRANSPORTS, type TransportName } from './transports.js'

/** `remedy`: follows `To mend it, `. */
export function unfit(problem: string, remedy: string): SputnikError {
  return new SputnikError('EXPERIMENT_UNFIT', problem, { remedy })
}

/** @throws SputnikError EXPERIMENT_UNFIT */
export function refuseUnfit(fields: Fields, transport: TransportName): void {
  const kind = TRANSPORTS[transport]
  const { title } = kind
  const isMarking = fields.ecn === 'on' || typeof fields.ecn === 'number'
  if (isMarking && !kind.isMarkReader) {
    throw unfit(`ecn is on, but ${title} reads no marks`, choose('ecn', 'off', 'isMarkReader'))
  }
  if (fields.ecn === 'off' && kind.isMarkReader) {
    throw unfit(`ecn is off, but ${title} slows down by marks alone`, 'leave ecn out')
  }
  if (fields.trim === 'on' && !kind.isTrimReader) {
    const problem = `trim is on, but ${title} takes a packet without payload for a lost one`
    throw unfit(problem, choose('trim', 'off', 'isTrimReader'))
  }
  if (fields.trim === 'off' && kind.isTrimReader) {
    throw unfit(`trim is off, but ${title} learns of full queues by it`, 'leave trim out')
  }
  if (fields.pfc === 'on' && kind.isTrimReader) {
    const problem = `pfc is on, but a queue that trims for ${title} never fills so far as to pause`
    throw unfit(problem, 'leave pfc out')
  }
  if (fields.spray === 'packet' && !kind.isOrderFree) {
    const problem = `spray is packet, but ${title} takes packets that overtake others for lost ones`
    throw unfit(problem, choose('spray', 'flow', 'isOrderFree'))
  }
}

type Ability = 'isMarkReader' | 'isTrimReader' | 'isOrderFree'

function choose(field: string, value: string, ability: Ability): string {
  const able = Object.entries(TRANSPORTS).flatMap(([name, kind]) => (kind[ability] ? [name] : []))
  const instead = able.length === 0 ? '' : `, or transport as ${able.join(' or ')}`
  return `give ${field} as ${value}${instead}`
}
