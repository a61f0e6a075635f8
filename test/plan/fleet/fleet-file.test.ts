import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { SputnikError } from '../../../src/base/errors.js'
import { DEFAULT_ECONOMICS, DEFAULT_HOST } from '../../../src/plan/fleet/defaults.js'
import { FLEET_FIELDS } from '../../../src/plan/fleet/fleet-file.js'
import { exampleFleets, parseFleet, resolveFleet } from '../../../src/plan/fleet/resolve-fleet.js'

const FOUR_PCS = `
name: four gaming PCs
head: { cards: [rtx-5090], nic: 25 Gbit/s, ram: 128 GB, price: 900 USD }
domains:
  - { count: 4, cards: [{ card: rtx-3090, count: 2, price: 700 USD }], nic: 10 Gbit/s, ram: 64 GB }
switch: { latency: 1 us, buffer: 4 MB }
replicas: 1
wire: { dispatch: q8_0, combine: bf16 }
power: 0.30 USD/kWh
owned: true
`

const SMALL = {
  name: 'small',
  head: { cards: ['rtx-5090'], nic: '25 Gbit/s' },
  domains: [{ count: 2, cards: ['2x rtx-3090'], nic: '10 Gbit/s' }],
}

const parse = (text: string) => parseFleet(text, 'fleet.yaml')
const parseValue = (value: unknown) => parse(stringify(value, { aliasDuplicateObjects: false }))

function assertRefused(value: unknown, pattern: RegExp): void {
  assert.throws(
    () => (typeof value === 'string' ? parse(value) : parseValue(value)),
    (error) => {
      assert.ok(error instanceof SputnikError, String(error))
      assert.equal(error.code, 'PLAN_INVALID', error.message)
      assert.match(error.message, pattern)
      return error.message.startsWith('fleet.yaml: ')
    },
  )
}

test('a fleet file becomes SI units', () => {
  const { fleet } = parse(FOUR_PCS)
  const [domain] = fleet.domains
  assert.equal(fleet.head.nic.bytesPerSecond, 3.125e9)
  assert.deepEqual([fleet.head.priceUsd, fleet.head.ramBytes], [900, 128e9])
  assert.deepEqual([domain?.count, domain?.ramBytes, domain?.priceUsd], [4, 64e9, undefined])
  const [group] = domain?.cards ?? []
  assert.deepEqual([group?.card.id, group?.count, group?.priceUsd], ['rtx-3090', 2, 700])
  assert.deepEqual([fleet.switch.latencyS, fleet.switch.bufferBytes], [1e-6, 4e6])
  assert.deepEqual([fleet.dispatchBytesPerValue, fleet.combineBytesPerValue], [1.0625, 2])
  assert.deepEqual([fleet.layout, fleet.owned, fleet.hourUsd], ['apart', true, undefined])
})

test('what a file leaves out is filled in and listed', () => {
  const { fleet, assumed } = parseValue(SMALL)
  assert.equal(fleet.head.powerW, DEFAULT_HOST.powerW)
  assert.deepEqual(fleet.economics, DEFAULT_ECONOMICS)
  const fields = assumed.map(({ field, text }) => `${field} ${text}`)
  assert.ok(fields.includes('head.nic.transport 15 us'), fields.join('\n'))
  assert.ok(fields.includes('domains[0].ram 64 GB'))
  assert.ok(fields.includes('power 0.3 USD/kWh'))
  assert.ok(fields.includes('economics.discount 10 %'))
  assert.ok(fields.includes('wire.dispatch bf16'))
  const told = parse(FOUR_PCS).assumed.map(({ field }) => field)
  for (const field of ['power', 'head.ram', 'switch.latency', 'wire.dispatch']) {
    assert.ok(!told.includes(field), field)
  }
})

test('YAML and JSON of a fleet are the same', () => {
  assert.deepEqual(parse(JSON.stringify(SMALL)), parseValue(SMALL))
})

test('a rented fleet has the price of its hour', () => {
  const { fleet } = parseValue({ ...SMALL, rent: '6.80 USD/h' })
  assert.deepEqual([fleet.owned, fleet.hourUsd], [false, 6.8])
  assertRefused({ ...SMALL, rent: '1 USD/h', owned: true }, /: rent is given for a fleet that/)
})

test('rates that were measured are taken', () => {
  const cards = [{ card: 'rtx-3090', measured: { flops: '60 TFLOP/s', bandwidth: '800 GB/s' } }]
  const { fleet } = parseValue({ ...SMALL, head: { cards, nic: '1 Gbit/s' } })
  assert.deepEqual(fleet.head.cards[0]?.measured, {
    flopsPerSecond: 60e12,
    bytesPerSecond: 800e9,
  })
})

const domain = (fields: object): object => ({
  ...SMALL,
  domains: [{ ...SMALL.domains[0], ...fields }],
})

test('a wrong field is named with what was read and how to write it', () => {
  const cases: readonly [unknown, RegExp][] = [
    [domain({ nic: 10 }), /: domains\[0\]\.nic is 10 without a unit; .*"25 Gbit\/s"/],
    [domain({ nic: '0 Gbit/s' }), /: domains\[0\]\.nic is "0 Gbit\/s"; .* more than 0/],
    [domain({ nic: undefined }), /: domains\[0\]\.nic is missing/],
    [domain({ ram: '64 Gbit/s' }), /: domains\[0\]\.ram is .* no unit/],
    [domain({ ram: { size: 64 } }), /: domains\[0\]\.ram\.size is 64 without/],
    [{ ...SMALL, head: { ...SMALL.head, count: 2 } }, /: head\.count does not belong there/],
    [domain({ count: 4097 }), /: domains\[0\]\.count is 4097; it must be at most 4096/],
    [domain({ count: 0 }), /: domains\[0\]\.count is 0; it must be at least 1/],
    [domain({ count: 1.5 }), /: domains\[0\]\.count is 1\.5; it must be a whole number/],
    [domain({ count: '4' }), /: domains\[0\]\.count is "4"; it must be a number/],
    [domain({ nics: '10 Gbit/s' }), /: domains\[0\]\.nics is no field .*; near: nic/],
    [domain({ cards: 'rtx-3090' }), /: domains\[0\]\.cards is "rtx-3090"; it must be a list/],
    [domain({ cards: [{ card: 'rtx-3090', price: 700 }] }), /cards\[0\]\.price is 700 without/],
    [domain({ cards: ['2000x rtx-3090'] }), /cards\[0\] is 2000; it must be at most/],
    [{ ...SMALL, head: undefined }, /: head is missing/],
    [{ ...SMALL, replicas: 3 }, /: replicas is 3, but there are only 2 domains/],
    [{ ...SMALL, layout: 'split' }, /: layout is "split"; it must be apart or whole/],
    [{ ...SMALL, wire: { dispatch: 'int3' } }, /: wire\.dispatch is "int3"; it must be f32 or/],
    [{ ...SMALL, power: '0.3 USD' }, /: power is "0\.3 USD", and "USD" is no unit/],
    [{ ...SMALL, economics: { residual: 15 } }, /: economics\.residual is 15; write a share/],
    [{ name: 'none', head: { nic: '1 Gbit/s' } }, /: head\.cards is empty/],
    ['- a\n- b\n', /: the file is \["a","b"\]; it must be a section/],
    ['', /: the file is null; it must be a section/],
    ['name: [', /: .* at line 1/],
    ['name: a\nname: b\n', /: Map keys must be unique at line 2/],
    ['name: !!js/function "x"\n', /: Unresolved tag/],
  ]
  for (const [value, pattern] of cases) assertRefused(value, pattern)
})

test('a file cannot grow by naming parts of itself', () => {
  const levels = Array.from({ length: 12 }, (_, i) => {
    const inner =
      i === 0
        ? '"x"'
        : Array(10)
            .fill(`*a${i - 1}`)
            .join(', ')
    return `a${i}: &a${i} [${inner}]`
  })
  assertRefused(levels.join('\n'), /alias/i)
})

test('names of the language are fields like others', () => {
  assertRefused('{"__proto__": {"owned": true}}', /__proto__|is missing/)
  assertRefused({ ...SMALL, constructor: 1 }, /: constructor is no field/)
})

test('an unknown card is answered with near ones', () => {
  assert.throws(
    () => parseValue(domain({ cards: ['rtx-3091'] })),
    /^SputnikError: fleet.yaml: domains\[0\]\.cards\[0\]: .*near: rtx-3090/,
  )
})

test('every example is a fleet', () => {
  const names = exampleFleets()
  assert.ok(names.length >= 3, names.join())
  for (const name of names) {
    const { fleet } = resolveFleet(name)
    assert.ok(fleet.domains.length > 0, name)
    assert.deepEqual(resolveFleet(`examples/fleets/${name}.yaml`).fleet, fleet)
  }
  assert.throws(() => resolveFleet('four-gaming-pc'), /near: four-gaming-pcs/)
  assert.throws(() => resolveFleet('none.yaml'), /no such file/)
})

test('any change of a fleet file gives a fleet or an error that names the file', () => {
  const section = fc.constantFrom('head', 'domain', 'switch', 'economics', 'wire', 'file')
  const field = fc.constantFrom(...FLEET_FIELDS)
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('10 Gbit/s', '1 GB', '5 W', '3 USD', '1 us'),
  )
  fc.assert(
    fc.property(section, field, value, (at, name, to) => {
      const change = { [name]: to }
      const [first] = SMALL.domains
      const changed = {
        ...SMALL,
        ...(at === 'head' ? { head: { ...SMALL.head, ...change } } : {}),
        ...(at === 'domain' ? { domains: [{ ...first, ...change }] } : {}),
        ...(at === 'file' ? change : {}),
        ...(['switch', 'economics', 'wire'].includes(at) ? { [at]: change } : {}),
      }
      try {
        const { fleet } = parse(JSON.stringify(changed))
        assert.ok(fleet.head.nic.bytesPerSecond > 0)
      } catch (error) {
        assert.ok(error instanceof SputnikError, String(error))
        assert.ok(error.code !== 'INTERNAL' && error.message.includes('fleet.yaml'), error.message)
      }
    }),
    { numRuns: 1000 },
  )
})

test('any text is a fleet or an error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      assert.throws(() => parse(text), SputnikError)
    }),
  )
})
