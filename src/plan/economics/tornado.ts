/** Which input moves a result most: each goes from its low to its high value, the others stay. */

export type Lever<Input> = {
  readonly name: string
  readonly low: Input
  readonly high: Input
}

export type Swing = {
  readonly name: string
  readonly low: number
  readonly high: number
  /** Of high from low, without sign. */
  readonly swing: number
}

/** Largest swing first. */
export function tornado<Input>(
  levers: readonly Lever<Input>[],
  evaluate: (input: Input) => number,
): Swing[] {
  return levers
    .map(({ name, low, high }) => ({ name, low: evaluate(low), high: evaluate(high) }))
    .map((bar) => ({ ...bar, swing: Math.abs(bar.high - bar.low) }))
    .sort((a, b) => b.swing - a.swing)
}
