/** How fast it is, where the time goes, and what would make it faster. */
import type { Section } from '../../../chart/html-page.js'
import type { Bottleneck } from '../../cost/bottleneck.js'
import type { BatchEstimate } from '../../cost/estimate.js'
import type { Part } from '../../cost/load.js'
import { count, duration, gigabits, percent, plural, times, usd, whole } from '../../numbers.js'
import type { PhaseTimes, PlanResult } from '../plan.js'

export function batchesSection({ speed, placement }: PlanResult): Section {
  return {
    title: 'How fast',
    paragraphs: [
      'Users at once, tokens per second of all and of one, time of a token and to the first one.',
    ],
    table: {
      titles: [
        'users',
        'tokens/s',
        'each',
        'a token',
        'the first',
        'limits',
        'basis',
        'held up by',
      ],
      rows: speed.batches.map((one) => batchRow(one, speed.best === one)),
    },
    ...(speed.batches.length === 0 && {
      paragraphs: [`The KV cache has room for ${placement.maxBatch} sequences only.`],
    }),
  }
}

function batchRow(one: BatchEstimate, isBest: boolean): string[] {
  const { batch, outputTokensPerSecond, tpotS, ttftS, meetsLimits, bottleneck, confidence } = one
  return [
    whole(batch),
    count(outputTokensPerSecond),
    count(1 / tpotS),
    duration(tpotS),
    duration(ttftS),
    isBest ? 'kept, best' : meetsLimits ? 'kept' : 'missed',
    confidence,
    `${bottleneck.resource} (${percent(bottleneck.saves)})`,
  ]
}

/** What a part is to somebody who has not read the source. */
const PART_NAMES: Readonly<Record<Part, string>> = {
  attention: 'attention weights',
  cache: 'KV cache',
  router: 'router',
  shared: 'shared experts',
  dense: 'dense layers',
  experts: 'routed experts',
  dispatch: 'dispatch to experts',
  combine: 'combine of answers',
  output: 'output head',
  overhead: 'kernel starts and waits',
  hidden: 'hidden by taking turns',
}

export function partName(part: Part): string {
  return PART_NAMES[part]
}

export function partsSection({ speed }: PlanResult): Section {
  const { decode, prefill } = speed
  const rows = decode.parts.flatMap(({ part, seconds, share, confidence, bottleneck }, at) => {
    const inPrefill = prefill.parts[at]
    if (seconds === 0 && inPrefill?.seconds === 0) return []
    return [
      [
        partName(part),
        duration(seconds),
        percent(share),
        duration(inPrefill?.seconds ?? 0),
        percent(inPrefill?.share ?? 0),
        confidence,
        partLimit(bottleneck),
      ],
    ]
  })
  return {
    title: 'Where the time goes',
    paragraphs: [
      `${phaseText(decode, `One token for ${plural(decode.tokens, 'user')}`)} ` +
        `${phaseText(prefill, `${whole(prefill.tokens)} tokens of a prompt`)}`,
    ],
    table: {
      titles: ['part', 'decode', 'share', 'prefill', 'share', 'basis', 'decode held up by'],
      rows,
    },
  }
}

function partLimit(limit: Bottleneck | undefined): string {
  return limit === undefined || limit.saves < HARDLY ? '-' : limit.resource
}

/** Of a part: below that nothing of it alone would help. */
const HARDLY = 0.05

function phaseText({ stepS, tokensPerSecond, bottleneck }: PhaseTimes, what: string): string {
  return (
    `${what}: ${duration(stepS)} (${count(tokensPerSecond)} tokens/s), held up by ` +
    `${bottleneck.resource}; twice as much of it would save ${percent(bottleneck.saves)}.`
  )
}

export function networkSection({ byNic }: PlanResult): Section[] {
  if (byNic.length === 0) return []
  return [
    {
      title: 'What the network is worth',
      table: {
        titles: ['every port', 'tokens/s', 'an hour', 'Mtok out'],
        rows: byNic.map(({ bytesPerSecond, outputTokensPerSecond, hourUsd, outputMtokUsd }) => [
          gigabits(bytesPerSecond),
          outputTokensPerSecond === undefined ? 'too slow' : count(outputTokensPerSecond),
          usd(hourUsd),
          outputMtokUsd === undefined ? '-' : usd(outputMtokUsd),
        ]),
      },
    },
  ]
}

export function adviceSection({ advice }: PlanResult): Section[] {
  if (advice.length === 0) return []
  return [
    {
      title: 'What to change next',
      table: {
        titles: ['change', 'tokens/s within limits', 'a token of one user'],
        rows: advice.map(({ change, throughputGain, latencyGain }) => [
          change,
          throughputGain === undefined ? '-' : gain(throughputGain, 'more', 'fewer'),
          gain(latencyGain, 'faster', 'slower'),
        ]),
      },
    },
  ]
}

function gain(factor: number, up: string, down: string): string {
  if (Math.abs(factor - 1) < 0.005) return 'the same'
  return factor > 1 ? `${times(factor)} ${up}` : `${times(1 / factor)} ${down}`
}
