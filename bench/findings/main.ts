/**
 * `npm run findings -- [1|2|3 ...] [--quick] [--json] [--html file] [--write]`: makes the
 * findings of docs/findings.md again. Without `--write` it prints them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type HtmlPage, htmlPage, type Section } from '../../src/chart/html-page.js'
import { type Finding, findingMarkdown, replaceFinding } from './finding.js'
import { FINDINGS, INTRODUCTION } from './findings.js'

const PAGE = 'docs/findings.md'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    html: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const isWrong = positionals.some((name) => !FINDINGS.some(({ number }) => `${number}` === name))
if (isWrong || values.help || (values.quick && values.write)) {
  const list = FINDINGS.map(({ number, about }) => `  ${number}  ${about}`).join('\n')
  const usage = `usage: npm run findings -- [numbers...] [--quick] [--json] [--html file] [--write]

  --quick  small sizes, in seconds
  --json   texts and tables as one JSON object
  --html   also write a page with charts
  --write  put them into ${PAGE}; not with --quick

${list}
`
  ;(values.help ? process.stdout : process.stderr).write(usage)
  process.exit(values.help ? 0 : 2)
}

const chosen = FINDINGS.filter(
  ({ number }) => positionals.length === 0 || positionals.includes(`${number}`),
)
const found: Finding[] = []
for (const { make } of chosen) {
  const finding = make({ isQuick: values.quick, say: (text) => process.stderr.write(`${text}\n`) })
  found.push(finding)
  if (values.write) write(finding)
  else if (!values.json) process.stdout.write(`${findingMarkdown(finding)}\n`)
}
if (values.html !== undefined) writeFileSync(values.html, htmlPage(pageOf(found)))
if (values.json) process.stdout.write(`${JSON.stringify(found, withoutCharts, 2)}\n`)

/** For JSON: charts are drawings of the tables. */
function withoutCharts(key: string, value: unknown): unknown {
  return key === 'charts' ? undefined : value
}

function pageOf(findings: readonly Finding[]): HtmlPage {
  const sections = findings.flatMap(({ number, title, sections: [first, ...others] }) => [
    { ...first, title: `${number}. ${title}` },
    ...others,
  ])
  return { title: 'Findings', sections: sections.map(withoutMarkdown) }
}

function withoutMarkdown({ paragraphs = [], table, ...section }: Section): Section {
  const plain = (text: string): string => text.replace(/\*\*|`/g, '')
  return {
    ...section,
    paragraphs: paragraphs.map(plain),
    ...(table && { table: { ...table, rows: table.rows.map((row) => row.map(plain)) } }),
  }
}

function write(finding: Finding): void {
  const page = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : INTRODUCTION
  writeFileSync(PAGE, replaceFinding(page, finding.number, findingMarkdown(finding)))
}
