/** The incast benchmark, small: real processes in network namespaces of this machine. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { measureIncast } from '../../bench/incast.js'
import { openStar, whyNoNamespaces } from '../../bench/namespaces.js'

const why = whyNoNamespaces()
const options = why === undefined ? {} : { skip: why }

function namespaces(): string[] {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' })
  return stdout.split('\n').filter((line) => line.startsWith(`sputnik-${process.pid}`))
}

for (const isShared of [false, true]) {
  const where = isShared ? 'one process' : 'processes'
  test(`three domains in ${where} answer at once through a narrow port`, options, async () => {
    const said: string[] = []
    const sections = await measureIncast({
      ...{ rounds: 1, domains: 3, replyBytes: [40_000], isShared },
      say: (text) => said.push(text),
    })
    const [free, credited] = sections[0]?.rows ?? []
    assert.equal(free?.subject, 'without credits')
    assert.equal(credited?.subject, 'credits')
    for (const row of [free, credited]) {
      const goodput = Number(row?.goodput)
      // The port is as narrow as it should be, and something came through.
      assert.ok(goodput > 0.001 && goodput < 1, `${goodput}`)
      assert.ok(Number(row?.['p99 ms']) >= Number(row?.['p50 ms']))
    }
    // 43 kB at a time cannot fill a buffer of 100 kB; nor can credit.
    assert.equal(credited?.dropped, 0)
    assert.ok(Number(credited?.['window kB']) < 200)
    assert.deepEqual(said, ['incast: replies of 40000 bytes'])
    assert.deepEqual(namespaces(), [])
  })
}

test('a star that cannot be made leaves nothing behind', options, () => {
  const impossible = { hosts: 2, bitsPerSecond: -1, bufferBytes: 1000, congestionControl: 'reno' }
  assert.throws(() => openStar(impossible), /tbf/)
  assert.deepEqual(namespaces(), [])
})
