/** How `sputnik plan` prints what it found: text, markdown or JSON, and a page with charts. */
import { type HtmlPage, htmlPage } from '../chart/html-page.js'
import { pageMarkdown, pageText } from '../plan/report/page-text.js'
import type { PlanOptions } from './plan-options.js'
import { printable } from './printable.js'
import { writeOutput } from './write-output.js'

/** Longer lines are hard to read, however wide the terminal. */
const TEXT_COLUMNS = 100

type Found = {
  readonly result: object
  readonly page: () => HtmlPage
  readonly charted: () => HtmlPage
}

/** @throws SputnikError OUTPUT_UNWRITABLE */
export function printResult(options: PlanOptions, { result, page, charted }: Found): void {
  const { json, markdown, html } = options
  if (html !== undefined) writeOutput(html, htmlPage(charted()))
  const width = Math.min(process.stdout.columns ?? TEXT_COLUMNS, TEXT_COLUMNS)
  const text =
    json === true
      ? JSON.stringify(result)
      : markdown === true
        ? printableLines(pageMarkdown(page()).trimEnd())
        : printableLines(pageText(page(), width))
  process.stdout.write(`${text}\n`)
}

/** Names come from files of others. */
function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}
