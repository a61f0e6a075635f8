/** Texts of others, made so that they cannot steer the terminal. */

/** Control and formatting characters and ends of lines become `?`. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}
