/** A plan as sections of text and tables, for terminals, markdown and pages alike. */
import type { HtmlPage, Section } from '../../chart/html-page.js'
import { whole } from '../numbers.js'
import type { Plan, PlanResult } from './plan.js'
import { answerSection, assumedSection } from './sections/answer.js'
import {
  alternativesSection,
  costSection,
  marginSection,
  sensitivitySection,
  speedsSection,
  valueSection,
} from './sections/money.js'
import { placementSection } from './sections/placement.js'
import { adviceSection, batchesSection, networkSection, partsSection } from './sections/speed.js'
import { surenessSection } from './sections/sureness.js'

/** Everything there is to say. */
export function planPage(plan: Plan): HtmlPage {
  const sections = plan.fits ? resultSections(plan) : []
  return page(plan, [answerSection(plan), ...sections, assumedSection(plan)])
}

/** What fits two screens: the answer and what it rests on. */
export function planSummary(plan: Plan): HtmlPage {
  if (!plan.fits) return planPage(plan)
  return page(plan, [
    answerSection(plan),
    batchesSection(plan),
    costSection(plan),
    ...marginSection(plan),
    ...alternativesSection(plan),
    surenessSection(plan),
    ...adviceSection(plan),
    {
      paragraphs: [
        '--full adds where the model lies, where the time goes, tokens by the speed of a user and ' +
          'of the network, what the cards will be worth, what the cost hangs on and what is assumed; ' +
          '--html <file> draws it.',
      ],
    },
  ])
}

function page({ model, fleet, workload }: Plan, sections: readonly Section[]): HtmlPage {
  return {
    title: `${model.name} on ${fleet.name}`,
    subtitle:
      `Workload ${workload.name}: ${whole(workload.promptTokens)} tokens in, ` +
      `${whole(workload.outputTokens)} out`,
    sections,
  }
}

function resultSections(plan: Plan & PlanResult): Section[] {
  return [
    placementSection(plan),
    batchesSection(plan),
    partsSection(plan),
    costSection(plan),
    ...marginSection(plan),
    ...alternativesSection(plan),
    ...speedsSection(plan),
    surenessSection(plan),
    ...networkSection(plan),
    ...valueSection(plan),
    ...sensitivitySection(plan),
    ...adviceSection(plan),
  ]
}
