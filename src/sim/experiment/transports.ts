/**
 * The transports that an experiment can choose from, and what each needs of the switches. Knows
 * nothing of how they work.
 */
import type { TransportFactory } from '../net/transport.js'
import { dcqcn } from '../transport/dcqcn.js'
import { fabricCredit } from '../transport/fabric-credit.js'
import { NDP_QUEUE_PACKETS, ndp } from '../transport/ndp.js'
import { cubic, dctcp, newReno, swift } from '../transport/window-transport.js'

/** `kept`: the TCP connections of `credits`, without credits; other TCPs open one for each flow. */
export const TRANSPORT_NAMES = [
  'tcp',
  'cubic',
  'dctcp',
  'swift',
  'dcqcn',
  'ndp',
  'credits',
  'kept',
] as const

export type TransportName = (typeof TRANSPORT_NAMES)[number]

export type TransportTerms = {
  /** Of a full packet. */
  readonly payloadBytes: number
  /** What is under way in one round trip through an idle network. */
  readonly flightBytes: number
  /** That round trip, and one with every queue on the way full. */
  readonly roundTripPs: number
  readonly longestTripPs: number
  /** Least time-out of those that work out their own; absent: as they have it. */
  readonly leastTimeoutPs?: number
}

export type TransportKind = {
  readonly title: string
  /** Reads the marks of switches (ECN). */
  readonly isMarkReader: boolean
  /** Knows what a packet without its payload means. */
  readonly isTrimReader: boolean
  /** Made for networks that do not lose. */
  readonly isLossless: boolean
  /** Packets of a flow may overtake each other. */
  readonly isOrderFree: boolean
  readonly make: (terms: TransportTerms) => TransportFactory
}

const WINDOW = {
  isMarkReader: false,
  isTrimReader: false,
  isLossless: false,
  isOrderFree: false,
} as const

/** Headers tell of what switches do; silence means something only long after that. */
const NDP_TRIPS = 30

export const TRANSPORTS: Readonly<Record<TransportName, TransportKind>> = {
  tcp: { ...WINDOW, title: 'TCP NewReno', make: newReno },
  cubic: { ...WINDOW, title: 'TCP CUBIC', make: cubic },
  dctcp: { ...WINDOW, title: 'DCTCP', isMarkReader: true, make: dctcp },
  swift: { ...WINDOW, title: 'Swift', make: swift },
  dcqcn: {
    ...WINDOW,
    title: 'DCQCN',
    isMarkReader: true,
    isLossless: true,
    make: ({ payloadBytes }) => dcqcn({ payloadBytes }),
  },
  ndp: {
    title: 'NDP',
    isMarkReader: false,
    isTrimReader: true,
    isLossless: false,
    isOrderFree: true,
    make: ({ payloadBytes, flightBytes, roundTripPs, longestTripPs }) =>
      ndp({
        payloadBytes,
        timeoutPs: NDP_TRIPS * roundTripPs + longestTripPs,
        // It fills the first queue as well.
        initialWindow: Math.ceil(flightBytes / payloadBytes) + NDP_QUEUE_PACKETS,
      }),
  },
  credits: { ...WINDOW, title: 'fabric credits', make: (terms) => fabric(terms, true) },
  kept: { ...WINDOW, title: 'fabric without', make: (terms) => fabric(terms, false) },
}

function fabric(terms: TransportTerms, isCredited: boolean): TransportFactory {
  const { payloadBytes: segmentBytes, leastTimeoutPs } = terms
  const timeout = leastTimeoutPs === undefined ? {} : { leastTimeoutPs }
  return fabricCredit({ segmentBytes, isCredited, ...timeout })
}
