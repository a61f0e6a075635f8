import assert from 'node:assert/strict'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadIdentity, NODE_ID, nodeIdOf, PIN, pinOf } from '../../src/fabric/identity.js'
import { scratchDirectory } from '../support/scratch.js'
import { race } from './race.js'

test('loadIdentity makes a key pair once and keeps it', () => {
  const folder = join(scratchDirectory(), 'deep', 'sputnik')
  const made = loadIdentity(folder)
  assert.deepEqual(loadIdentity(folder), made)
  assert.match(made.nodeId, NODE_ID)
  assert.match(made.pin, PIN)
  assert.notEqual(loadIdentity(scratchDirectory()).nodeId, made.nodeId)
})

test('loadIdentity makes a certificate of the key, signed by the key', () => {
  const { keyPem, certificatePem, pin, nodeId } = loadIdentity(scratchDirectory())
  const key = createPublicKey(keyPem)
  const certificate = new X509Certificate(certificatePem)
  assert.equal(certificate.verify(key), true)
  assert.equal(certificate.publicKey.equals(key), true)
  assert.equal(certificate.checkIssued(certificate), true)
  assert.equal(pin, pinOf(key.export({ type: 'spki', format: 'der' })))
  assert.equal(nodeId, nodeIdOf(pin))
})

test('loadIdentity leaves one file, which its owner alone may read', () => {
  const folder = join(scratchDirectory(), 'sputnik')
  loadIdentity(folder)
  assert.deepEqual(readdirSync(folder), ['identity.json'])
  assert.equal(statSync(join(folder, 'identity.json')).mode & 0o777, 0o600)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
})

test('loadIdentity gives all processes that race the same identity', async () => {
  const folder = join(scratchDirectory(), 'sputnik')
  const found = await race(4, () => ['identity', folder])
  assert.match(found[0] ?? '', NODE_ID)
  assert.deepEqual([...new Set(found)], [loadIdentity(folder).nodeId])
  assert.deepEqual(readdirSync(folder), ['identity.json'])
})

test('loadIdentity refuses a damaged file, and never replaces it', () => {
  const folder = scratchDirectory()
  const other = loadIdentity(scratchDirectory())
  loadIdentity(folder)
  const path = join(folder, 'identity.json')
  const whole = JSON.parse(readFileSync(path, 'utf8'))
  const mixed = JSON.stringify({ ...whole, certificatePem: other.certificatePem })
  const noKey = JSON.stringify({ ...whole, keyPem: 'x' })
  for (const text of ['', '{', '{}', noKey, mixed]) {
    writeFileSync(path, text)
    assert.throws(() => loadIdentity(folder), { code: 'STATE_INVALID' })
    assert.equal(readFileSync(path, 'utf8'), text)
  }
})

test('loadIdentity says when nothing can be kept', () => {
  const file = join(scratchDirectory(), 'file')
  writeFileSync(file, '')
  assert.throws(() => loadIdentity(join(file, 'sputnik')), { name: 'SputnikError' })
})
