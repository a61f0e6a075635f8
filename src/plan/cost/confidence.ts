/** How well founded a number of a plan is. */

/** From the best to the weakest. `calibrated`: constants fitted to measurements of like cards. */
export const CONFIDENCES = ['measured', 'calibrated', 'datasheet', 'assumed'] as const

export type Confidence = (typeof CONFIDENCES)[number]

/** A number is as good as the worst that it is made of. */
export function weakest(confidences: readonly Confidence[]): Confidence {
  const worst = Math.max(0, ...confidences.map((one) => CONFIDENCES.indexOf(one)))
  return CONFIDENCES[worst] ?? 'assumed'
}
