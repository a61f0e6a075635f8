/** Sections of text and tables for a terminal, or as markdown. Knows nothing of plans. */

import { formatTable } from '../../base/table.js'
import type { HtmlPage, Section, Table } from '../../chart/html-page.js'

/** Paragraphs are broken at `width` columns; tables are as wide as they are. */
export function pageText({ title, subtitle, sections }: HtmlPage, width: number): string {
  const head = [title, ...(subtitle === undefined ? [] : [subtitle])]
  return [head.join('\n'), ...sections.map((section) => sectionText(section, width))].join('\n\n')
}

function sectionText({ title, paragraphs = [], table }: Section, width: number): string {
  const text = paragraphs.flatMap((paragraph) => wrap(paragraph, width))
  const rows = table === undefined ? [] : formatTable(table.titles, table.rows)
  const head = title === undefined ? [] : [title, '-'.repeat(title.length)]
  return [...head, ...text, ...rows].join('\n')
}

/** Between words; a word that is longer stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

export function pageMarkdown({ title, subtitle, sections }: HtmlPage): string {
  const head = [`# ${title}`, ...(subtitle === undefined ? [] : [subtitle])]
  return `${[...head, ...sections.map(sectionMarkdown)].join('\n\n')}\n`
}

function sectionMarkdown({ title, paragraphs = [], table }: Section): string {
  return [
    ...(title === undefined ? [] : [`## ${title}`]),
    ...paragraphs,
    ...(table === undefined ? [] : [tableMarkdown(table)]),
  ].join('\n\n')
}

export function tableMarkdown({ titles, rows }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n')
}
