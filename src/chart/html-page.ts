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
    ...charts.map((xml) => element('figure', {}, [{ xml }])),
    ...(table === undefined ? [] : [drawTable(table)]),
  ])
}

function paragraph(plain: string): Markup {
  return element('p', {}, [text(plain)])
}

const NUMBER = /^[-+−]?[$€]?\d[\d,.]*(e[-+]?\d+)?( ?[%×x]| [\w/µ%]{1,8})?$/

function drawTable({ titles, rows }: Table): Markup {
  const isNumber = titles.map((_, i) => {
    const cells = rows.map((row) => row[i] ?? '').filter((cell) => cell !== '' && cell !== '-')
    return cells.length > 0 && cells.every((cell) => NUMBER.test(cell))
  })
  const line = (name: 'th' | 'td', cells: readonly string[]): Markup => {
    const drawn = cells.map((cell, i) =>
      element(
        name,
        {
          class: isNumber[i] === true ? 'number' : undefined,
          scope: name === 'th' ? 'col' : undefined,
        },
        [text(cell)],
      ),
    )
    return element('tr', {}, drawn)
  }
  const head = element('thead', {}, [line('th', titles)])
  const body = element(
    'tbody',
    {},
    rows.map((row) => line('td', row)),
  )
  return element('div', { class: 'table' }, [element('table', {}, [head, body])])
}
