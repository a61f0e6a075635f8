import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type CreatedKey, parseAddress, parseDuration } from '../../src/cli/token.js'
import { loadIdentity } from '../../src/fabric/identity.js'
import { parseJoinKey } from '../../src/fabric/join-key.js'
import { JoinKeys } from '../../src/fabric/join-keys.js'
import { scratchDirectory } from '../support/scratch.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

function newState() {
  const base = scratchDirectory()
  const run = (...args: string[]) => {
    const env = { ...process.env, XDG_STATE_HOME: base, NO_COLOR: '1' }
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'token', ...args], {
      env,
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }
  return { folder: join(base, 'sputnik'), run }
}

test('token create prints one line that lets one machine join', () => {
  const { folder, run } = newState()
  const { status, stdout } = run('create', '--listen', 'box.lan:9000')
  assert.equal(status, 0)
  const [, text = ''] = /^sputnik join box\.lan:9000 --key (\S+)\n$/.exec(stdout) ?? []
  const key = parseJoinKey(text)
  assert.equal(key.pin, loadIdentity(folder).pin)
  const keys = new JoinKeys(folder, { now: Date.now })
  assert.equal(keys.redeem(key, 'a').usesLeft, 0)
  assert.throws(() => keys.redeem(key, 'b'), { code: 'JOIN_KEY_USED' })
})

test('token create, ls and revoke go together', () => {
  const { run } = newState()
  assert.equal(run('ls').stdout, 'no join keys\n')
  const created = JSON.parse(run('create', '--ttl', '7d', '--uses', '3', '--json').stdout)
  const { id, key, line, uses, expiresAt } = created as CreatedKey
  assert.equal(parseJoinKey(key).id, id)
  assert.match(line, new RegExp(`^sputnik join \\S+:10458 --key ${key}$`))
  assert.equal(uses, 3)
  const [listed] = JSON.parse(run('ls', '--json').stdout).keys
  assert.equal(listed.id, id)
  assert.equal(listed.usesLeft, 3)
  assert.equal(listed.expiresAt - listed.createdAt, 7 * 86_400_000)
  assert.equal(expiresAt, listed.expiresAt)
  assert.match(run('ls').stdout, new RegExp(`^${id} +live +3 of 3 `, 'm'))
  assert.equal(run('revoke', id).status, 0)
  assert.equal(run('ls').stdout, 'no join keys\n')
  const again = run('revoke', id)
  assert.equal(again.status, 4)
  assert.match(again.stderr, /^JOIN_KEY_UNKNOWN {2}/)
})

test('token refuses wrong usage in the form of all commands', () => {
  const { run } = newState()
  const wrong = [
    ['create', '--uses', '0'],
    ['create', '--ttl', 'soon'],
    ['create', '--listen', ':1'],
  ]
  for (const args of [...wrong, ['nothing'], ['revoke']]) {
    const { status, stderr } = run(...args)
    assert.equal(status, 2, args.join(' '))
    assert.match(stderr, /^USAGE {2}/)
  }
})

test('parseDuration reads seconds to days', () => {
  assert.deepEqual(['90s', '30m', '24h', '7d'].map(parseDuration), [9e4, 18e5, 864e5, 6048e5])
  for (const text of ['', '0s', '5', 'h', '-1h', '1.5h', '400d', '1w', '99999999999s']) {
    assert.throws(() => parseDuration(text), /time such as/, text)
  }
})

test('parseAddress reads a host with or without its port', () => {
  assert.equal(parseAddress('box.lan'), 'box.lan:10458')
  assert.equal(parseAddress('10.0.0.2:99'), '10.0.0.2:99')
  assert.equal(parseAddress('[fe80::1]:99'), '[fe80::1]:99')
  for (const text of ['', ':1', 'a:0', 'a:70000', 'fe80::1', '[x]:1', 'a b', 'a;b', '$(x):1']) {
    assert.throws(() => parseAddress(text), /host:port/, text)
  }
})
