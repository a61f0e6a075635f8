/** What the parts of the schema compiler share: a growing set of GBNF rules. */

export type RuleMaker = {
  /** Name of a rule for a schema. */
  rule(schema: unknown): string
  /** Adds a rule and answers its name. */
  add(body: string): string
}
