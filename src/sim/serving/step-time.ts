/**
 * What a simulation of serving asks of whoever knows machines: how long a step takes, and who was
 * busy with it. Knows nothing of how that is found out.
 */

/** What one step of the scheduler computes. */
export type StepShape = {
  /** Prompt tokens, of all sequences. */
  readonly prefillTokens: number
  /** Sequences that decode, one token each. */
  readonly decodeSequences: number
  /** Tokens whose keys and values the decoding sequences read, of all of them together. */
  readonly contextTokens: number
  /** The same for the prompt tokens: of each, those before it, all added up. */
  readonly prefillContextTokens: number
}

export type StepCost = {
  readonly seconds: number
  /** Time of the trunk, with the head's own cards at work. */
  readonly headS: number
  /** Time that the head waited for frames on the wire, domains not at work. */
  readonly networkS: number
  /** Of the head's port, out and in. */
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Time each domain computed; empty where there are none. */
  readonly domainS: Float64Array
}

export type StepTimes = {
  /** Domains that `domainS` tells of. */
  readonly domains: number
  /** A step that begins now. */
  cost(step: StepShape): StepCost
}

const NOBODY = new Float64Array(0)

/** Of machines that are one: all time is the head's. `seconds` of a step. */
export function wholeStepTimes(seconds: (step: StepShape) => number): StepTimes {
  return {
    domains: 0,
    cost: (step) => {
      const headS = seconds(step)
      return { seconds: headS, headS, networkS: 0, sentBytes: 0, receivedBytes: 0, domainS: NOBODY }
    },
  }
}

export function tokensOf({ prefillTokens, decodeSequences }: StepShape): number {
  return prefillTokens + decodeSequences
}
