/**
 * Which slot a new sequence takes so that the beginning of its prompt need not be computed again.
 * Knows slots as lists of tokens; where the keys and values lie is the caller's.
 */
import type { Sequence } from './sequence.js'

/** Room for one sequence in the KV cache, and what lies in it. */
export type Slot = {
  readonly index: number
  /** Tokens whose keys and values are in the slot, also after its sequence ended. */
  tokens: number[]
  /** Undefined: free, its tokens may be reused. */
  sequence: Sequence | undefined
  /** Counts admissions; the smallest was used longest ago. */
  lastUsed: number
}

export type Place = {
  readonly slot: Slot
  /** Slot to copy from; undefined: what is in the slot itself is used. */
  readonly source: Slot | undefined
  /** Prompt tokens to take over. */
  readonly cachedTokens: number
}

export type PlaceOptions = {
  /** Whether the end of a slot can be forgotten (recurrent states cannot). */
  readonly canTrim: boolean
  /** Fewest tokens that make it worth copying a slot. */
  readonly copyTokensMin: number
}

/** Undefined when no slot is free. */
export function choosePlace(
  prompt: readonly number[],
  slots: readonly Slot[],
  options: PlaceOptions,
): Place | undefined {
  const free = slots.filter((slot) => slot.sequence === undefined)
  const target = preferredSlot(free, slots)
  if (target === undefined) return undefined
  const inPlace = bestMatch(prompt, free, options)
  if (inPlace !== undefined && isWorthTaking(inPlace, target, slots)) {
    return { ...inPlace, source: undefined }
  }
  const own = matchLength(prompt, target, options)
  const best = bestMatch(prompt, slots, options)
  if (best !== undefined && best.cachedTokens - own >= options.copyTokensMin) {
    return { slot: target, source: best.slot, cachedTokens: best.cachedTokens }
  }
  return { slot: target, source: undefined, cachedTokens: own }
}

/** Taking the slot over loses less than it saves and puts the sequence in as good a place. */
function isWorthTaking(match: Match, target: Slot, slots: readonly Slot[]): boolean {
  const { slot, cachedTokens } = match
  const keepsMost = cachedTokens * 2 >= slot.tokens.length
  return keepsMost && runningNeighbours(slot, slots) >= runningNeighbours(target, slots)
}

/**
 * Beside running sequences, because libllama computes only neighbouring streams in one graph; else
 * the one used longest ago, so that the others keep what they hold.
 */
function preferredSlot(free: readonly Slot[], slots: readonly Slot[]): Slot | undefined {
  let best: Slot | undefined
  let bestNeighbours = 0
  for (const slot of free) {
    const neighbours = runningNeighbours(slot, slots)
    const isOlder = slot.lastUsed < (best?.lastUsed ?? Infinity)
    if (neighbours > bestNeighbours || (neighbours === bestNeighbours && isOlder)) {
      best = slot
      bestNeighbours = neighbours
    }
  }
  return best
}

function runningNeighbours({ index }: Slot, slots: readonly Slot[]): number {
  const isRunning = (at: number): boolean => slots[at]?.sequence !== undefined
  return Number(isRunning(index - 1)) + Number(isRunning(index + 1))
}

type Match = { readonly slot: Slot; readonly cachedTokens: number }

function bestMatch(
  prompt: readonly number[],
  slots: readonly Slot[],
  options: PlaceOptions,
): Match | undefined {
  let best: Match | undefined
  for (const slot of slots) {
    const cachedTokens = matchLength(prompt, slot, options)
    if (cachedTokens > (best?.cachedTokens ?? 0)) best = { slot, cachedTokens }
  }
  return best
}

/** Usable tokens of a slot: at least one of the prompt must be computed to get its logits. */
function matchLength(
  prompt: readonly number[],
  { tokens }: Slot,
  { canTrim }: PlaceOptions,
): number {
  const most = Math.min(tokens.length, prompt.length - 1)
  let length = 0
  while (length < most && tokens[length] === prompt[length]) length++
  return canTrim || length === tokens.length ? length : 0
}
