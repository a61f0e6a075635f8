/** A rule that the fleet must keep and has not. */
export class Violation extends Error {
  readonly rule: string

  constructor(rule: string, text: string) {
    super(`${rule}: ${text}`)
    this.name = 'Violation'
    this.rule = rule
  }
}

export function must(condition: boolean, rule: string, text: () => string): asserts condition {
  if (!condition) throw new Violation(rule, text())
}
