/** What a plan begins and ends with: the answer, and what it takes for granted. */
import type { Section } from '../../../chart/html-page.js'
import type { Judgement, Plan } from '../plan.js'

const WORDS: Readonly<Record<Judgement, string>> = { yes: 'YES', no: 'NO', mixed: 'YES AND NO' }

export function answerSection({ answer }: Plan): Section {
  const [first = '', ...others] = answer.sentences
  return { paragraphs: [`${WORDS[answer.judgement]}: ${first}`, ...others] }
}

export function assumedSection(plan: Plan): Section {
  const fields = plan.assumed.map(({ field, text }): [string, string] => [field, text])
  const rows = [
    ...fields.map(([field, text]) => ['fleet file', `${field}: ${text}`]),
    ...(plan.fits ? plan.assumptions.map((text) => ['speed', text]) : []),
    ...(plan.fits && plan.alternatives.length > 0
      ? [['alternatives', 'always full, and rented for the hours of work only']]
      : []),
  ]
  if (rows.length === 0) return { title: 'Assumed', paragraphs: ['Nothing beside the catalogue.'] }
  return { title: 'Assumed', table: { titles: ['of', 'what'], rows } }
}
