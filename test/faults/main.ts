import { runSeed } from './simulation.js'

const [from = '0', count = '100', verbose] = process.argv.slice(2)
const start = performance.now()
let failed = 0
const all = new Map<string, number>()
const rules = new Map<string, number[]>()
for (let seed = Number(from); seed < Number(from) + Number(count); seed++) {
  const outcome = runSeed(seed, verbose === '-v' ? (line) => console.log(line) : undefined)
  for (const [name, n] of outcome.counts.entries()) all.set(name, (all.get(name) ?? 0) + n)
  if (outcome.violation !== undefined) {
    failed++
    const key = outcome.violation.rule + '|' + outcome.violation.text.slice(0, 150)
    rules.set(key, [...(rules.get(key) ?? []), seed])
    if (verbose !== undefined)
      console.log(seed, outcome.violation.text, '\n' + outcome.violation.last.join('\n'))
  }
}
console.log([...rules].map(([k, v]) => `${v.length} ${v.slice(0, 5)} ${k}`).join('\n'))
console.log(Object.fromEntries([...all].sort()))
console.log('failed', failed, 'ms/seed', (performance.now() - start) / Number(count))
