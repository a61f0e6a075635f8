/** What every page that a command writes has to be, whatever it tells. */
import assert from 'node:assert/strict'
import { defined } from '../../src/base/assert.js'
import { findAll, type Node, parseXml } from './parse-xml.js'

const MAIN = /<body>(<main>[\s\S]*<\/main>)<\/body>/

/**
 * Well-formed, complete in itself, without script, and readable where nothing is seen: returns what
 * stands in its body.
 */
export function checkPage(html: string): Node {
  assert.match(html, /^<!DOCTYPE html>\n<html lang="en">\n/)
  assert.match(html, /<meta charset="utf-8">/)
  assert.match(html, /<title>[^<]+<\/title>/)
  assert.match(html, /Content-Security-Policy" content="default-src 'none'/)
  assert.match(html, /prefers-color-scheme:dark/)
  checkSelfContained(html)
  assert.doesNotMatch(html, /undefined|NaN|Infinity/)
  const [, body] = MAIN.exec(html) ?? []
  const main = parseXml(defined(body, 'main part of the page'))
  assert.equal(findAll(main, 'h1').length, 1)
  const headings = findAll(main, 'h2').map(({ text }) => text)
  assert.ok(!headings.includes(''))
  assert.equal(new Set(headings).size, headings.length, 'each section has its own title')
  for (const svg of findAll(main, 'svg')) checkChart(svg)
  for (const head of findAll(main, 'th')) assert.equal(head.attributes.get('scope'), 'col')
  return main
}

/** No address but the name of SVG, nothing that runs, nothing that is loaded. */
function checkSelfContained(html: string): void {
  const addresses = new Set(html.match(/https?:[^"'\s)<]*/g))
  addresses.delete('http://www.w3.org/2000/svg')
  assert.deepEqual([...addresses], [])
  for (const way of ['<script', '<link', '<img', '<iframe', '@import', 'url(', ' src=', ' href=']) {
    assert.ok(!html.includes(way), way)
  }
  assert.doesNotMatch(html, /<[^>]* on[a-z]+=/)
}

function checkChart(svg: Node): void {
  assert.equal(svg.attributes.get('role'), 'img')
  const name = svg.attributes.get('aria-label')
  assert.ok(name !== undefined && name !== '', 'a chart has a name')
  for (const { text } of findAll(svg, 'text')) assert.match(text, /^[^(]/, `a text of '${name}'`)
  const [about] = findAll(svg, 'desc')
  assert.notEqual(defined(about, `words of '${name}'`).text, '', name)
}
