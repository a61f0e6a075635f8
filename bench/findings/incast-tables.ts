/** Finding 2 as text and tables; every sentence with a number in it is made from the runs. */
import type { Section } from '../../src/chart/html-page.js'
import { gigabits } from '../../src/plan/numbers.js'
import { COMMAND } from './finding.js'
import type { IncastRun, Layers, Link, StepTimes, Way } from './incast-runs.js'

const SOON_S = 5e-3

/** What is compared. */
export const WAYS = {
  credits: { transport: 'credits' },
  creditsSoon: { transport: 'credits', leastTimeoutS: SOON_S },
  kept: { transport: 'kept' },
  keptSoon: { transport: 'kept', leastTimeoutS: SOON_S },
  tcp: { transport: 'tcp' },
  cubic: { transport: 'cubic' },
  dctcp: { transport: 'dctcp' },
} as const satisfies Readonly<Record<string, Way>>

export type WayName = keyof typeof WAYS

const NAMES = ['credits', 'creditsSoon', 'kept', 'keptSoon', 'tcp', 'cubic', 'dctcp'] as const

const TITLES: Readonly<Record<WayName, string>> = {
  credits: 'credits',
  creditsSoon: 'credits, 5 ms',
  kept: 'without',
  keptSoon: 'without, 5 ms',
  tcp: 'NewReno',
  cubic: 'CUBIC',
  dctcp: 'DCTCP',
}

/** Of one network and number of domains. */
export type IncastRow = {
  readonly link: Link
  readonly domains: number
  /** Of the least times of layers. */
  readonly bound: StepTimes
  readonly runs: Readonly<Record<WayName, IncastRun & StepTimes>>
}

type Rows = readonly IncastRow[]

export function linkText({ bytesPerSecond, bufferBytes }: Link): string {
  const buffer = bufferBytes < 1e6 ? `${bufferBytes / 1e3} kB` : `${bufferBytes / 1e6} MB`
  return `${gigabits(bytesPerSecond)}, ${buffer} of buffer`
}

function networkOf(rows: Rows): string {
  const [first] = rows
  return first === undefined ? '' : linkText(first.link)
}

/** `links`: rows by network. */
export function incastAnswer(
  links: readonly Rows[],
  { layers, moeLayers }: { readonly layers: Layers; readonly moeLayers: number },
): Section {
  const { model, card, tokens, warmUp, played, seed } = layers
  return {
    paragraphs: [
      'Question: when 4 to 128 domains answer the head at once, how long does a step take with receiver-granted credits, with TCP and with DCTCP, if the switch has little buffer or much?',
      'Command: `npm run findings -- 2`. Packet simulator; takes minutes. One of its networks alone, its layers one by one:',
      `${COMMAND}sputnik sim network --workload moe:deepseek-v3 --card rtx-pro-6000 --hosts 17 --rate 10Gbit/s --buffer 100kB --mtu 1512B --tokens 32 --rounds 80 --until 1000s --compare credits,kept,tcp,cubic,dctcp`,
      headline(links),
      ...links.map(linkAnswer),
      `Set-up: ${model} with ${tokens} tokens a step and four ${card} to a domain; experts placed by the fleet's own code, tokens routed uniformly by seed ${seed}; dispatch in q8_0, combine in bf16; one switch, all ports alike, packets of 1,448 bytes payload. A layer lasts from the first dispatch to the last sum, the cards' time with experts included and the head's own left out. ${played} layers are played after ${warmUp} to settle. A step has ${moeLayers} of them, drawn from those; p50 and p99 are of 4,000 such steps, so rare losses are counted roughly. "Least" is what the busiest link or domain takes by itself. "Credits" is the code of the fabric over CUBIC on connections that stay open, looking at its sockets every 10 us, and "without" the same connections without credits; NewReno, CUBIC and DCTCP send each message on a connection of its own. The least time-out is 200 ms, as Linux has it, or 5 ms in the columns that say so.`,
    ],
  }
}

/** With the same least time-out as credits. */
const RIVALS = ['kept', 'tcp', 'cubic', 'dctcp'] as const

/** Networks by whether credits are needed there, and whether they are enough. */
function headline(links: readonly Rows[]): string {
  const isLossy = (rows: Rows, names: readonly WayName[]): boolean =>
    rows.some(({ runs }) => names.some((name) => runs[name].drops > 0))
  const failing = links.filter((rows) => isLossy(rows, ['credits']))
  const rest = links.filter((rows) => !failing.includes(rows))
  const needed = rest.filter((rows) => isLossy(rows, RIVALS))
  const idle = rest.filter((rows) => !needed.includes(rows))
  return [
    ...verdict(needed, 'Credits pay where the others lose packets and they do not'),
    ...verdict(idle, 'They are not needed where the buffer holds all that comes'),
    ...verdict(failing, 'They are not enough where they lose packets themselves'),
    ...soonVerdict([...needed, ...failing].flat()),
  ].join(' ')
}

/** What of the difference is that TCP waits long for what it has lost. */
function soonVerdict(lossy: Rows): string[] {
  if (lossy.length === 0) return []
  const ratios = lossy.map(({ runs }) => runs.keptSoon.p99S / runs.creditsSoon.p99S)
  return [
    `Most of what a loss costs is the time-out: where packets are lost and time-outs are 5 ms instead of 200, p99 without credits is ${rangeText(ratios)} times that with them.`,
  ]
}

function verdict(links: readonly Rows[], text: string): string[] {
  if (links.length === 0) return []
  const ratios = links.flat().flatMap((row) => RIVALS.map((name) => overCredits(row, name)))
  const networks = links.map(networkOf).join('; ')
  return [
    `${text} (${networks}): p99 with TCP or DCTCP is ${rangeText(ratios)} times that with credits.`,
  ]
}

function overCredits({ runs }: IncastRow, name: WayName): number {
  return runs[name].p99S / runs.credits.p99S
}

/** How credits compare with the least time and with each of the others. */
function linkAnswer(rows: Rows): string {
  const least = rows.map(({ runs, bound }) => runs.credits.p99S / bound.p99S)
  const drops = Math.max(...rows.map(({ runs }) => runs.credits.drops))
  const lost = drops === 0 ? 'lose nothing' : `lose up to ${rate(drops)} packets a layer`
  const others = NAMES.filter((name) => name !== 'credits')
  const against = others.map((name) => {
    return `${TITLES[name]} ${rangeText(rows.map((row) => overCredits(row, name)))}`
  })
  return `${networkOf(rows)}: credits ${lost} and take ${rangeText(least)} times the least at p99. Times that of credits: ${against.join('; ')}.`
}

function rangeText(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => rate(value))
  return low === high ? `${low}` : `${low} to ${high}`
}

function rate(value: number): string {
  return `${Number(value.toPrecision(2))}`
}

export function incastTable(rows: Rows): Section {
  const cell = ({ p50S, p99S }: StepTimes): string =>
    `${milliseconds(p50S)} / ${milliseconds(p99S)}`
  return {
    title: `A step with ${networkOf(rows)}: p50 / p99 in ms`,
    table: {
      titles: ['domains', 'least', ...NAMES.map((name) => TITLES[name])],
      rows: rows.map(({ domains, bound, runs }) => [
        ...[`${domains}`, cell(bound)],
        ...NAMES.map((name) => cell(runs[name])),
      ]),
    },
  }
}

function milliseconds(seconds: number): string {
  return Number((1000 * seconds).toPrecision(3)).toLocaleString('en-US')
}

export function lossTable(rows: Rows): Section {
  return {
    title: 'What was lost',
    paragraphs: ['Packets dropped / time-outs, in a layer on average.'],
    table: {
      titles: ['network', 'domains', ...NAMES.map((name) => TITLES[name])],
      rows: rows.map(({ link, domains, runs }) => [
        ...[linkText(link), `${domains}`],
        ...NAMES.map((name) => {
          const { drops, timeouts } = runs[name]
          return drops + timeouts === 0 ? '0' : `${rate(drops)} / ${rate(timeouts)}`
        }),
      ]),
    },
  }
}

export function incastChanges(): Section {
  return {
    title: 'What could change it',
    paragraphs: [
      "The credit's window is worth 384 us of the link or more and at most 256 KiB, which fits 100 kB at 1 Gbit/s and not at 10 or more: there it would have to be smaller, or the buffer of a port larger. Ports of real switches share their buffer, so one hot port finds more than its part. Time-outs of 5 ms must be set on every host. What hosts take beside a look every 10 us, other traffic, and losses that are not of queues are left out.",
    ],
  }
}
