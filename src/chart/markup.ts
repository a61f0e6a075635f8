/**
 * Markup as values, so that text can only get into it escaped. Knows nothing of charts.
 */

/** Well-formed XML; plain text becomes one only through `text`. */
export type Markup = { readonly xml: string }

export type Attributes = Readonly<Record<string, string | number | undefined>>

/** Neither XML 1.0 nor HTML may hold these, not even escaped; nor halves of surrogate pairs. */
const FORBIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escapeText(plain: string): string {
  return plain.replace(FORBIDDEN, '\ufffd').replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? sign)
}

export function text(plain: string): Markup {
  return { xml: escapeText(plain) }
}

/**
 * Attributes that are undefined are left out; numbers are written to a tenth. Only an element of
 * SVG may go without children: HTML has no short form of an empty element.
 */
export function element(
  name: string,
  attributes: Attributes,
  children?: readonly Markup[],
): Markup {
  const start = `<${name}${Object.entries(attributes).map(formatAttribute).join('')}`
  if (children === undefined) return { xml: `${start}/>` }
  return { xml: `${start}>${children.map(({ xml }) => xml).join('')}</${name}>` }
}

/** One tenth of a pixel is finer than any screen shows. */
export function tenths(value: number): string {
  return String(Math.round(value * 10) / 10)
}

function formatAttribute([name, value]: [string, string | number | undefined]): string {
  if (value === undefined) return ''
  return ` ${name}="${typeof value === 'number' ? tenths(value) : escapeText(value)}"`
}
