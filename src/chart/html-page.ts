/**
 * One self-contained page: no script, nothing loaded from elsewhere, light or dark as the reader's
 * system is. Knows nothing of what it reports.
 */
import { element, escapeText, type Markup, text } from './markup.js'
import { STYLE } from './style.js'

export type Table = {
  readonly titles: readonly string[]
  /** Texts as they shall stand there; a column of numbers is set to the right. */
  readonly rows: readonly (readonly string[])[]
}

export type Section = {
  readonly title?: string
  readonly paragraphs?: readonly string[]
  /** Charts as the functions of this folder write them; they are not escaped again. */
  readonly charts?: readonly string[]
  readonly table?: Table
}

export type HtmlPage = {
  readonly title: string
  /** Stands below the title: what was asked, and of what. */
  readonly subtitle?: string
  readonly sections: readonly Section[]
}

/** The page may not run or load anything, whatever got into it. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'"

/** A whole HTML document. */
export function htmlPage({ title, subtitle, sections }: HtmlPage): string {
  const body = element('main', {}, [
    element('h1', {}, [text(title)]),
    ...(subtitle === undefined ? [] : [paragraph(subtitle)]),
    ...sections.map(drawSection),
  ])
  return [
    '<!DOCTYPE html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeText(title)}</title>`,
    `<style>${STYLE}</style>`,
    '</head>',
    `<body>${body.xml}</body>`,
    '</html>',
    '',
  ].join('\n')
}

function drawSection({ title, paragraphs = [], charts = [], table }: Section): Markup {
  return element('section', {}, [
    ...(title === undefined ? [] : [element('h2', {}, [text(title)])]),
    ...paragraphs.map(paragraph),
    ...(table === undefined ? [] : [drawTable(table)]),
    ...charts.map((xml) => element('figure', {}, [{ xml }])),
  ])
}

function paragraph(plain: string): Markup {
  return element('p', {}, [text(plain)])
}

const NUMBER = /^[-+−]?[$€]?\d[\d,.]*(e[-+]?\d+)?( ?[%×x]| [\w/µ%]{1,8})?$/
const NOTHING: ReadonlySet<string> = new Set(['', '-'])
const WORD_LETTERS = 8
/** More letters than this may be broken into lines. */
const LINE_LETTERS = 24

function drawTable({ titles, rows }: Table): Markup {
  const looks = titles.map((_, i) => columnClass(rows.map((row) => row[i] ?? '')))
  const heads = titles.map((title, i) =>
    element('th', { class: looks[i], scope: 'col' }, [text(title)]),
  )
  const lines = rows.map((row) =>
    element(
      'tr',
      {},
      row.map((cell, i) => element('td', { class: looks[i] }, [text(cell)])),
    ),
  )
  const head = element('thead', {}, [element('tr', {}, heads)])
  return element('div', { class: 'table' }, [
    element('table', {}, [head, element('tbody', {}, lines)]),
  ])
}

/** A word in the place of a number, such as 'too slow', makes no column of words. */
function columnClass(cells: readonly string[]): string | undefined {
  if (cells.some((cell) => cell.length > LINE_LETTERS)) return 'long'
  const told = cells.filter((cell) => !NOTHING.has(cell))
  const words = told.filter((cell) => !NUMBER.test(cell))
  const hasNumbers = words.length < told.length || told.length === 0
  return hasNumbers && words.every(({ length }) => length <= WORD_LETTERS) ? 'number' : undefined
}
