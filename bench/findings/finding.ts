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

export function findingMarkdown({ number, title, sections }: Finding): string {
  return `${[`## ${number}. ${title}`, ...sections.map(sectionMarkdown)].join('\n\n')}\n`
}

function sectionMarkdown({ title, paragraphs = [], table }: Section): string {
  return [
    ...(title === undefined ? [] : [`### ${title}`]),
    ...paragraphs.map((paragraph) => wrap(paragraph, COLUMNS).join('\n')),
    ...(table === undefined ? [] : [tableMarkdown(table)]),
  ].join('\n\n')
}

/** The page with the part of that number replaced, or put at its end. */
export function replaceFinding(page: string, number: number, text: string): string {
  const parts = page.split(/^(?=## )/m)
  const at = parts.findIndex((part) => part.startsWith(`## ${number}. `))
  const others = parts.filter((_, index) => index !== at).map((part) => part.trimEnd())
  others.splice(at === -1 ? others.length : at, 0, text.trimEnd())
  return `${others.join('\n\n')}\n`
}

/** The part of the page that tells finding `number`; undefined when it has none. */
export function findingPart(page: string, number: number): string | undefined {
  return page.split(/^(?=## )/m).find((part) => part.startsWith(`## ${number}. `))
}
