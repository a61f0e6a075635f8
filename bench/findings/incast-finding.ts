/** Finding 2: answers of all domains meet at the head's port, over credits, TCP and DCTCP. */
import { resolveModel } from '../../src/plan/model/resolve-model.js'
import type { Finding, FindingMaker, FindingOptions } from './finding.js'
import { incastRun, type Layers, type Link, stepTimes } from './incast-runs.js'
import {
  type IncastRow,
  incastAnswer,
  incastChanges,
  incastTable,
  linkText,
  lossTable,
  WAYS,
  type WayName,
} from './incast-tables.js'

export const incastFinding: FindingMaker = {
  number: 2,
  about: "incast at the head's port: credits, TCP and DCTCP (some minutes)",
  make,
}

const GIGABIT = 125e6
const LINKS: readonly Link[] = [1, 10, 25].flatMap((gigabit) =>
  [100e3, 4e6].map((bufferBytes) => ({ bytesPerSecond: gigabit * GIGABIT, bufferBytes })),
)
const DOMAINS = [4, 8, 16, 32, 64, 128]
const LAYERS: Layers = {
  model: 'deepseek-v3',
  card: 'rtx-pro-6000',
  tokens: 32,
  seed: 1,
  warmUp: 20,
  played: 60,
}

function make({ isQuick, say }: FindingOptions): Finding {
  const links = isQuick ? LINKS.slice(0, 1) : LINKS
  const domains = isQuick ? DOMAINS.slice(0, 1) : DOMAINS
  const { moeLayers } = resolveModel(LAYERS.model)
  const rows = links.map((link) =>
    domains.map((count) => {
      say(`finding 2: ${linkText(link)}, ${count} domains`)
      return rowOf(link, { domains: count, moeLayers })
    }),
  )
  return {
    number: 2,
    title: "Incast at the head's port: credits against TCP and DCTCP",
    sections: [
      incastAnswer(rows, { layers: LAYERS, moeLayers }),
      ...rows.map(incastTable),
      lossTable(rows.flat()),
      incastChanges(),
    ],
  }
}

function rowOf(
  link: Link,
  { domains, moeLayers }: { readonly domains: number; readonly moeLayers: number },
): IncastRow {
  const runOf = (name: WayName) => {
    const run = incastRun(LAYERS, { domains, link, way: WAYS[name] })
    return { ...run, ...stepTimes(run.layersS, moeLayers) }
  }
  const runs = {
    credits: runOf('credits'),
    creditsSoon: runOf('creditsSoon'),
    kept: runOf('kept'),
    keptSoon: runOf('keptSoon'),
    tcp: runOf('tcp'),
    cubic: runOf('cubic'),
    dctcp: runOf('dctcp'),
  }
  return { link, domains, runs, bound: stepTimes(runs.credits.boundsS, moeLayers) }
}
