/** Tokens to measure with: any do, as long as they are always the same. */

export function fixedToken(sequence: number, position: number, vocabSize: number): number {
  return (7919 * (sequence + 1) + 104_729 * position) % vocabSize
}

export function fixedTokens(
  count: number,
  { sequence, vocabSize }: { sequence: number; vocabSize: number },
): number[] {
  return Array.from({ length: count }, (_, i) => fixedToken(sequence, i, vocabSize))
}
