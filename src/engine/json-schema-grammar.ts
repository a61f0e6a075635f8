export function schemaToGbnf(_schema: unknown): string {
  return ''
}
