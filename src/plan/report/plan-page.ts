/** A plan as sections of text and tables, for terminals, markdown and pages alike. */
import type { HtmlPage } from '../../chart/html-page.js'
import { whole } from './numbers.js'
import type { Plan } from './plan.js'
import { answerSection, assumedSection } from './sections/answer.js'
import {
  alternativesSection,
  costSection,
  sensitivitySection,
  valueSection,
} from './sections/money.js'
import { placementSection } from './sections/placement.js'
import { adviceSection, batchesSection, networkSection, partsSection } from './sections/speed.js'

export function planPage(plan: Plan): HtmlPage {
  const { model, fleet, workload } = plan
  return {
    title: `${model.name} on ${fleet.name}`,
    subtitle:
      `Workload ${workload.name}: ${whole(workload.promptTokens)} tokens in, ` +
      `${whole(workload.outputTokens)} out`,
    sections: plan.fits
      ? [
          answerSection(plan),
          placementSection(plan),
          batchesSection(plan),
          partsSection(plan),
          ...costSection(plan),
          ...alternativesSection(plan),
          ...networkSection(plan),
          ...valueSection(plan),
          ...sensitivitySection(plan),
          ...adviceSection(plan),
          assumedSection(plan),
        ]
      : [answerSection(plan), assumedSection(plan)],
  }
}
