/**
 * A strict reader of the XML that charts are made of: it refuses what is not well-formed. Knows
 * neither comments nor declarations, which charts do not use.
 */
import assert from 'node:assert/strict'
import { defined } from '../../src/base/assert.js'

export type Node = {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly Node[]
  /** Its own text and that of all below it. */
  readonly text: string
}

type Open = {
  name: string
  attributes: ReadonlyMap<string, string>
  children: Node[]
  text: string
}

const TAG = /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/y
const TEXT = /[^<]+/y
const ENTITY = /&(amp|lt|gt|quot|#39);/g
const SIGNS = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['#39', "'"],
])

export function parseXml(xml: string): Node {
  const root: Open = { name: '', attributes: new Map(), children: [], text: '' }
  const open = [root]
  for (let at = 0; at < xml.length; ) {
    TAG.lastIndex = TEXT.lastIndex = at
    const top = defined(open.at(-1), 'open element')
    const tag = TAG.exec(xml)
    if (tag === null) {
      const [plain] = defined(TEXT.exec(xml), `tag or text at '${xml.slice(at, at + 40)}'`)
      top.text += unescapeText(plain)
      at += plain.length
      continue
    }
    at += tag[0].length
    const [, slash, name = '', attributes = '', isEmpty] = tag
    if (slash === '/') {
      assert.equal(name, top.name, 'an end tag ends another element')
      close(open)
      continue
    }
    open.push({ name, attributes: parseAttributes(attributes), children: [], text: '' })
    if (isEmpty === '/') close(open)
  }
  assert.equal(open.length, 1, 'an element does not end')
  assert.equal(root.children.length, 1, 'there is one outermost element')
  return defined(root.children[0], 'outermost element')
}

export function findAll(node: Node, name: string): Node[] {
  const below = node.children.flatMap((child) => findAll(child, name))
  return node.name === name ? [node, ...below] : below
}

export function hasClass(node: Node, name: string): boolean {
  return (node.attributes.get('class') ?? '').split(' ').includes(name)
}

export function numberOf(node: Node, attribute: string): number {
  const value = Number(defined(node.attributes.get(attribute), attribute))
  assert.ok(Number.isFinite(value), `${attribute} is a number`)
  return value
}

function close(open: Open[]): void {
  const done = defined(open.pop(), 'open element')
  const parent = defined(open.at(-1), 'parent of the closed element')
  parent.children.push(done)
  parent.text += done.text
}

function parseAttributes(source: string): Map<string, string> {
  const pairs = [...source.matchAll(/([\w:-]+)="([^"]*)"/g)]
  const found = new Map(pairs.map(([, name = '', value = '']) => [name, unescapeText(value)]))
  assert.equal(found.size, pairs.length, 'no attribute twice')
  return found
}

function unescapeText(plain: string): string {
  assert.ok(!plain.replace(ENTITY, '').includes('&'), `unknown entity in '${plain}'`)
  return plain.replace(ENTITY, (_, name: string) => defined(SIGNS.get(name), 'entity'))
}
