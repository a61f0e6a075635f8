/** A finding and how it stands in docs/findings.md. Knows nothing of what was found. */
import type { Section } from '../../src/chart/html-page.js'
import { tableMarkdown, wrap } from '../../src/plan/report/page-text.js'

export type Finding = {
  readonly number: number
  readonly title: string
  /** The first ones answer the question, tables and what could change it come after. */
  readonly sections: readonly Section[]
}

export type FindingOptions = {
  /** Small sizes that take seconds: the same table with fewer rows. */
  readonly isQuick: boolean
  readonly say: (text: string) => void
}

export type FindingMaker = {
  readonly number: number
  readonly about: string
  readonly make: (options: FindingOptions) => Finding
}

const COLUMNS = 100
/** Before a line that can be copied: code in markdown, and never broken. */
export const COMMAND = '    '

export function findingMarkdown({ number, title, sections }: Finding): string {
  return `${[`## ${number}. ${title}`, ...sections.map(sectionMarkdown)].join('\n\n')}\n`
}

function sectionMarkdown({ title, paragraphs = [], table }: Section): string {
  return [
    ...(title === undefined ? [] : [`### ${title}`]),
    ...paragraphs.map((text) => (text.startsWith(COMMAND) ? text : wrap(text, COLUMNS).join('\n'))),
    ...(table === undefined ? [] : [tableMarkdown(table)]),
  ].join('\n\n')
}

/** The page with the part of that number replaced, or put where it belongs. */
export function replaceFinding(page: string, number: number, text: string): string {
  const others = partsOf(page).filter((part) => numberOf(part) !== number)
  const after = others.findIndex((part) => (numberOf(part) ?? 0) > number)
  others.splice(after === -1 ? others.length : after, 0, text)
  return `${others.map((part) => part.trimEnd()).join('\n\n')}\n`
}

/** The part of the page that tells finding `number`; undefined when it has none. */
export function findingPart(page: string, number: number): string | undefined {
  return partsOf(page).find((part) => numberOf(part) === number)
}

function partsOf(page: string): string[] {
  return page.split(/^(?=## )/m)
}

/** Undefined for what stands before the first. */
function numberOf(part: string): number | undefined {
  const [, digits] = /^## (\d+)\. /.exec(part) ?? []
  return digits === undefined ? undefined : Number(digits)
}
