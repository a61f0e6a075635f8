/** Bytes on the links to domains, against what frames should take and against a copy per expert. */
import { assert } from '../src/base/assert.js'
import { CardExperts, combineEncoding } from '../src/engine/card-experts.js'
import { fixedTokens } from '../src/engine/fixed-tokens.js'
import { defaultWire, type FleetView } from '../src/engine/protocol.js'
import { decodeGreedily, prefillTokens } from '../src/engine/speed.js'
import { encodedRowBytes } from '../src/fabric/encoding.js'
import { openGguf } from '../src/gguf/reader.js'
import { type FleetSpec, type FleetSubject, withFleets } from './fleet-subject.js'
import { referenceModel } from './reference-model.js'
import { judge, type Row, type Section } from './report.js'
import { tapRouters } from './router-tap.js'
import { type Expected, expectedBytes, FORMULA, type WireSizes } from './wire-formula.js'

const PROMPT = 64
const GENERATE = 64
const OFF_MAX = 0.03
const SHARE_MAX = 0.5
const TWO_CARDS = ['--device', 'cpu,cpu']
const ONE: FleetSpec = { name: '1 domain of 1 card', domains: [[]] }
const THREE: FleetSpec = {
  name: '3 domains of 2 cards',
  domains: [TWO_CARDS, TWO_CARDS, TWO_CARDS],
}

type Measured = Expected & {
  readonly name: string
  readonly what: string
  readonly tokens: number
  readonly sentBytes: number
}

export function wireBytes(): Promise<Section[]> {
  const path = referenceModel()
  const width = openGguf(path).getModelNumber('embedding_length') ?? 0
  const rowBytes = encodedRowBytes(defaultWire, width)
  const sumBytes = encodedRowBytes(combineEncoding(defaultWire), width)
  return withFleets(path, [ONE, THREE], async (_plain, fleets) => {
    const all: Measured[] = []
    for (const fleet of fleets) all.push(...(await measureFleet(fleet, { rowBytes, sumBytes })))
    return [
      {
        title: `fleet: bytes per token on all links, ${defaultWire}; ${FORMULA}`,
        rows: all.map(formulaRow),
      },
      { title: 'fleet: bytes per token against a copy per expert', rows: all.map(copyRow) },
    ]
  })
}

async function measureFleet(
  subject: FleetSubject,
  rows: Pick<WireSizes, 'rowBytes' | 'sumBytes'>,
): Promise<Measured[]> {
  const { runtime, name } = subject
  const { experts } = runtime
  assert(experts instanceof CardExperts, 'the experts are in a fleet')
  const sizes = { ...rows, holders: holdersOf(experts) }
  const prompt = fixedTokens(PROMPT, { sequence: 1, vocabSize: runtime.vocab.size })
  const measure = async (what: string, tokens: number, act: () => void): Promise<Measured> => {
    await subject.settled()
    const before = linkBytes(subject.fleet())
    const chosen = await tapRouters(act)
    const sentBytes = linkBytes(subject.fleet()) - before
    return { name, what, tokens, sentBytes, ...expectedBytes(chosen, sizes) }
  }
  return [
    await measure(`prompt of ${PROMPT}`, PROMPT, () => prefillTokens(runtime, prompt)),
    await measure(`decode ${GENERATE}`, GENERATE, () =>
      decodeGreedily(runtime, { from: PROMPT, count: GENERATE }),
    ),
  ]
}

/** The one domain of each expert by region. */
function holdersOf(experts: CardExperts): number[][] {
  return experts.experts().layers.map(({ holders }) =>
    holders.map((domains) => {
      const [domain] = domains
      assert(domain !== undefined && domains.length === 1, 'an expert has one holder')
      return domain
    }),
  )
}

/** Of all domains that joined. */
function linkBytes({ domains }: FleetView): number {
  const joined = domains.filter(({ nodeId }) => nodeId !== null)
  return joined.reduce((sum, { bytesSent, bytesReceived }) => sum + bytesSent + bytesReceived, 0)
}

function formulaRow({ name, what, tokens, sentBytes, bytes, ...counted }: Measured): Row {
  const ratio = sentBytes / bytes
  return {
    subject: `${name}, ${what}`,
    measured: sentBytes / tokens,
    expected: bytes / tokens,
    'measured / expected': ratio,
    'off by': Math.abs(ratio - 1),
    ...judge(Math.abs(ratio - 1), { atMost: OFF_MAX }),
    'domains asked': counted.exchanges,
    'tokens sent': counted.copies,
    pairs: counted.pairs,
  }
}

function copyRow({ name, what, tokens, sentBytes, apartBytes }: Measured): Row {
  const share = sentBytes / apartBytes
  return {
    subject: `${name}, ${what}`,
    measured: sentBytes / tokens,
    'a copy per expert': apartBytes / tokens,
    share,
    ...judge(share, name === THREE.name ? { atMost: SHARE_MAX } : undefined),
  }
}
