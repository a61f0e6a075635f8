/** What the items of a step come to in numbers. */
import type { BatchItem } from '../../engine/scheduler.js'
import type { StepCost, StepShape } from './step-time.js'

export function shapeOf(items: readonly BatchItem[]): StepShape {
  let prefillTokens = 0
  let decodeSequences = 0
  let contextTokens = 0
  let prefillContextTokens = 0
  for (const { sequence, start, count } of items) {
    if (sequence.isPrefill) {
      prefillTokens += count
      prefillContextTokens += count * start + (count * (count + 1)) / 2
    } else {
      decodeSequences++
      contextTokens += start + 1
    }
  }
  return { prefillTokens, decodeSequences, contextTokens, prefillContextTokens }
}

/** Of one step for each item, one after the other. */
export function apartCost(
  items: readonly BatchItem[],
  costOf: (step: StepShape) => StepCost,
): StepCost {
  return items.map((item) => costOf(shapeOf([item]))).reduce(add)
}

function add(a: StepCost, b: StepCost): StepCost {
  return {
    seconds: a.seconds + b.seconds,
    headS: a.headS + b.headS,
    networkS: a.networkS + b.networkS,
    sentBytes: a.sentBytes + b.sentBytes,
    receivedBytes: a.receivedBytes + b.receivedBytes,
    domainS: a.domainS.map((seconds, domain) => seconds + (b.domainS[domain] ?? 0)),
  }
}
