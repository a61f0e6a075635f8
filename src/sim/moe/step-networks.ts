/** The networks that a step can be played over, and what each asks of the switch. */
import { SEGMENT_BYTES } from '../../fabric/credit-window.js'
import { HEADER_BYTES } from '../net/packet.js'
import { markAbove, type SwitchOptions } from '../net/switch-options.js'
import type { TransportFactory } from '../net/transport.js'
import { DCTCP_MARK_BYTES } from '../transport/dctcp.js'
import { fabricCredit } from '../transport/fabric-credit.js'
import { NDP_QUEUE_PACKETS, ndp } from '../transport/ndp.js'
import { cubic, dctcp, newReno, swift } from '../transport/window-transport.js'
import type { MessageNetwork } from './network.js'
import { PacketMessages } from './packets.js'
import { fluidStar, packetStar, type StarTerms } from './star.js'

/**
 * `kept`: the TCP connections of `credits`, without credits. Other TCPs open a connection for each
 * message.
 */
export const STEP_NETWORKS = [
  'flows',
  'credits',
  'kept',
  'ndp',
  'tcp',
  'cubic',
  'dctcp',
  'swift',
] as const
export type StepNetwork = (typeof STEP_NETWORKS)[number]

export type StepNetworkTerms = StarTerms & {
  /** Of each port of the switch. */
  readonly bufferBytes: number
  readonly seed: number
}

/** NDP was made for long packets. */
const NDP_PAYLOAD_BYTES = 8936
const NDP_WINDOW = 15

export function stepNetwork(name: StepNetwork, terms: StepNetworkTerms): MessageNetwork {
  const { seed } = terms
  if (name === 'flows') return fluidStar({ ...terms, payloadBytes: SEGMENT_BYTES, isInTurn: true })
  return new PacketMessages({
    topology: packetStar(terms),
    ...packetParts(name, terms),
    multipath: name === 'ndp' ? 'packet' : 'flow',
    seed,
  })
}

function packetParts(
  name: Exclude<StepNetwork, 'flows'>,
  { bufferBytes }: StepNetworkTerms,
): { readonly switches: SwitchOptions; readonly transport: TransportFactory } {
  const tcp = { payloadBytes: SEGMENT_BYTES }
  const switches: SwitchOptions = { bufferBytes }
  if (name === 'credits' || name === 'kept') {
    const options = { isCredited: name === 'credits' }
    return { switches, transport: fabricCredit(options) }
  }
  if (name === 'tcp') return { switches, transport: newReno(tcp) }
  if (name === 'cubic') return { switches, transport: cubic(tcp) }
  if (name === 'swift') return { switches, transport: swift(tcp) }
  if (name === 'dctcp') {
    const ecn = markAbove(Math.min(bufferBytes / 2, DCTCP_MARK_BYTES))
    return { switches: { ...switches, ecn }, transport: dctcp(tcp) }
  }
  const queueBytes = Math.min(bufferBytes, NDP_QUEUE_PACKETS * (NDP_PAYLOAD_BYTES + HEADER_BYTES))
  return {
    switches: { bufferBytes: queueBytes, trim: { urgentBytes: queueBytes, isReturning: true } },
    transport: ndp({ payloadBytes: NDP_PAYLOAD_BYTES, initialWindow: NDP_WINDOW }),
  }
}
