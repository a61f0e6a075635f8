import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { checkGbnf } from '../../src/engine/gbnf-check.js'
import { compileGrammar } from '../../src/engine/grammar.js'
import { schemaToGbnf } from '../../src/engine/json-schema-grammar.js'
import type { Grammar } from '../../src/engine/protocol.js'
import { Candidates } from '../../src/native/llama-sampler.js'
import { openEngine, textModel } from './support.js'
import { isValid } from './validate-json.js'

const { runtime, ask, submit, close } = openEngine(textModel(), { contextLength: 1024 })
after(close)

const candidates = new Candidates(1)
const gbnf = (text: string): Grammar => ({ kind: 'gbnf', text })
const schema = (value: unknown): Grammar => ({ kind: 'schema', schema: value })

/** Whether libllama's grammar accepts a text from start to end. */
function accepts(grammar: Grammar, text: string): boolean {
  const { vocab } = runtime
  const sampler = compileGrammar(vocab, grammar)
  const isAllowed = (token: number): boolean => {
    candidates.fillOne(token)
    sampler.apply(candidates)
    return candidates.logitAt(0) > -Infinity
  }
  try {
    for (const token of vocab.tokenize(text, { addSpecial: false, parseSpecial: false })) {
      if (!isAllowed(token)) return false
      sampler.accept(token)
    }
    return isAllowed(vocab.eogTokens[0] ?? -1)
  } finally {
    sampler.free()
  }
}

const PERSON = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 6 },
    age: { type: 'integer', minimum: 0, maximum: 120 },
    mail: { type: ['string', 'null'], maxLength: 3 },
  },
  required: ['name', 'age'],
  additionalProperties: false,
}
const TREE = {
  type: 'object',
  properties: {
    value: { type: 'boolean' },
    children: { type: 'array', items: { $ref: '#' }, maxItems: 2 },
  },
  required: ['value'],
}

/** Schema, texts it accepts, texts it does not. */
const CASES: ReadonlyArray<readonly [unknown, readonly string[], readonly string[]]> = [
  [
    {},
    ['1', 'null', '"a"', '[1, {"a": []}]', '-0.5e+10', '"\\u00e9\\n"'],
    ['', '01', '{a:1}', "'a'"],
  ],
  [true, ['[]'], ['[1,]']],
  [{ type: 'object' }, ['{}', '{"a":1}'], ['[]', '{"a"}']],
  [
    PERSON,
    [
      '{"name":"Al","age":7}',
      '{"name": "", "age": 120, "mail": null}',
      '{\n  "name":"A","age":0 }',
    ],
    ['{"age":7}', '{"name":"A","age":121}', '{"name":"A","age":7,"x":1}', '{"name":"A","age":7,}'],
  ],
  [
    { properties: { a: { const: 1 }, b: { const: 2 } } },
    ['{}', '{"a":1}', '{"b":2}', '{"a":1,"b":2}'],
    ['{"a":2}', '{,"b":2}', '{"a":1 "b":2}'],
  ],
  [
    { type: 'object', properties: { ab: { type: 'null' } }, additionalProperties: { const: 3 } },
    ['{"ab":null}', '{"abc":3}', '{"a":3,"x":3}', '{"ab":null,"c":3}', '{"":3}'],
    ['{"ab":3}', '{"c":4}', '{"\\u0061b":3}'],
  ],
  [{ type: 'object', additionalProperties: { type: 'null' } }, ['{}', '{"q":null}'], ['{"q":1}']],
  [TREE, ['{"value":true,"children":[{"value":false}]}'], ['{"value":true,"children":[1]}']],
  [{ enum: ['a', 1, null, { x: [1] }] }, ['"a"', '1', 'null', '{"x":[1]}'], ['"b"', '2']],
  [{ const: 'q"\\\n' }, ['"q\\"\\\\\\n"'], ['"q"']],
  [
    { type: 'array', items: { type: 'null' }, minItems: 1, maxItems: 2 },
    ['[null]', '[null, null]'],
    ['[]', '[null,null,null]'],
  ],
  [{ type: 'array', maxItems: 0 }, ['[]', '[ ]'], ['[1]']],
  [{ prefixItems: [{ const: 1 }, { const: 2 }], items: false }, ['[1,2]'], ['[1]', '[1,2,3]']],
  [
    { type: 'string', minLength: 2, maxLength: 3 },
    ['"ab"', '"äöü"', '"\\n\\t"'],
    ['"a"', '"abcd"'],
  ],
  [{ type: 'string', minLength: 3 }, ['"abcd"'], ['"ab"']],
  [
    { type: 'string', maxLength: 2250 },
    [`"${'x'.repeat(2250)}"`, `"${'x'.repeat(149)}"`],
    [`"${'x'.repeat(2251)}"`],
  ],
  [{ type: 'string', format: 'date' }, ['"2024-02-28"'], ['"2024-02-30"', '"2024-13-01"']],
  [
    { type: 'string', format: 'date-time' },
    ['"2024-02-28T23:59:00.5Z"', '"2024-02-28T00:00:00+01:00"'],
    ['"2024-02-28"'],
  ],
  [{ type: 'string', format: 'uuid' }, ['"123e4567-e89b-12d3-a456-426614174000"'], ['"123"']],
  [
    { type: 'string', pattern: '^[a-c]+-\\d{2,3}$' },
    ['"abc-12"'],
    ['"abc-1"', '"d-12"', '"abc-1234"'],
  ],
  [{ type: 'string', pattern: '(ab|c[^x])?z' }, ['"abz"', '"quiz!"', '"z"'], ['"ab"']],
  [
    { type: 'string', pattern: '^[\\w.+-]+@[\\w-]+\\.(com|org)$' },
    ['"a.b+c@x-y.org"'],
    ['"a@b.de"'],
  ],
  [{ type: 'integer' }, ['0', '-12'], ['1.5', '-', '00']],
  [{ type: 'integer', minimum: -5, exclusiveMaximum: 13 }, ['-5', '0', '12'], ['-6', '13', '-0.5']],
  [
    { type: 'integer', minimum: 95, maximum: 1203 },
    ['95', '100', '999', '1203'],
    ['94', '1204', '0100'],
  ],
  [{ type: 'integer', maximum: -3 }, ['-3', '-10'], ['-2', '3', '0']],
  [{ type: 'number', minimum: 0, maximum: 1 }, ['0', '0.25', '1', '1.0'], ['-0.1', '1.1', '2']],
  [{ type: 'number', minimum: -1 }, ['-1', '-0.9', '5.5'], ['-1.1', '-2']],
  [{ anyOf: [{ type: 'null' }, { type: 'boolean' }] }, ['null', 'true'], ['1']],
  [
    {
      type: 'object',
      required: ['k'],
      oneOf: [{ properties: { k: { const: 1 } } }, { properties: { k: { const: 2 } } }],
    },
    ['{"k":1}', '{"k":2}'],
    ['{}', '{"k":3}'],
  ],
  [
    {
      allOf: [{ $ref: '#/$defs/a' }, { properties: { b: { type: 'null' } }, required: ['b'] }],
      $defs: { a: { type: 'object', properties: { a: { const: 1 } }, required: ['a'] } },
    },
    ['{"a":1,"b":null}'],
    ['{"a":1}', '{"b":null}'],
  ],
  [{ type: 'string', nullable: true, maxLength: 1 }, ['null', '"a"'], ['1', '"ab"']],
]

for (const [value, good, bad] of CASES) {
  test(`schemaToGbnf accepts what ${JSON.stringify(value).slice(0, 70)} accepts`, () => {
    for (const text of good) assert.ok(accepts(schema(value), text), `refuses ${text}`)
    for (const text of bad) assert.ok(!accepts(schema(value), text), `accepts ${text}`)
  })
}

test('schemaToGbnf bounds integers exactly', () => {
  const edge = fc.oneof(fc.integer({ min: -1200, max: 1200 }), fc.integer())
  fc.assert(
    fc.property(edge, edge, fc.array(edge, { maxLength: 6 }), (a, b, others) => {
      const [minimum, maximum] = [Math.min(a, b), Math.max(a, b)]
      const grammar = schema({ type: 'integer', minimum, maximum })
      const tried = [...others, minimum - 1, minimum, maximum, maximum + 1]
      for (const value of tried) {
        const isInside = minimum <= value && value <= maximum
        assert.equal(accepts(grammar, String(value)), isInside, `${value}`)
      }
    }),
    { numRuns: 60 },
  )
})

test('schemaToGbnf refuses what it cannot keep, by name', () => {
  const refused: ReadonlyArray<readonly [unknown, RegExp]> = [
    [{ not: {} }, /"not"/],
    [{ if: {} }, /"if"/],
    [{ patternProperties: { a: {} }, type: 'object' }, /"patternProperties"/],
    [{ type: 'array', uniqueItems: true }, /"uniqueItems"/],
    [{ type: 'number', multipleOf: 0.1 }, /"multipleOf"/],
    [{ type: 'number', minimum: 0.5 }, /decimal bound/],
    [{ type: 'object', minProperties: 3 }, /"minProperties"/],
    [{ $ref: 'https://example.com/x' }, /leads out/],
    [{ $ref: '#/$defs/none' }, /leads nowhere/],
    [{ type: 'thing' }, /"thing"/],
    [{ type: 'string', pattern: '(?=a)b' }, /pattern/],
    [{ type: 'string', pattern: '(a)\\1' }, /pattern/],
    [{ type: 'integer', minimum: 3, maximum: 2 }, /no number/],
    [{ allOf: [{ type: 'string' }, { type: 'null' }] }, /"type"/],
    [
      {
        allOf: [{ properties: { a: {} } }, { properties: { b: {} }, additionalProperties: false }],
      },
      /"additionalProperties"/,
    ],
    [false, /no object/],
    [7, /no object/],
  ]
  for (const [value, message] of refused) {
    assert.throws(() => schemaToGbnf(value), { code: 'BAD_GRAMMAR', message })
  }
})

test('compileGrammar refuses references without end', () => {
  for (const value of [
    { $ref: '#' },
    { anyOf: [{ $ref: '#' }, { type: 'null' }] },
    { allOf: [{ $ref: '#' }] },
  ]) {
    assert.throws(() => compileGrammar(runtime.vocab, schema(value)), { code: 'BAD_GRAMMAR' })
  }
})

test('checkGbnf refuses what would stop, fill or stall the library', () => {
  const deep = 100
  const bad: ReadonlyArray<readonly [string, RegExp]> = [
    ['', /root/],
    ['start ::= "a"', /root/],
    ['root ::= other', /not defined/],
    ['root ::= root "a"', /left-recursive/],
    ['root ::= a\na ::= b? a "x"\nb ::= "y"', /left-recursive/],
    ['root ::= a b root\na ::= b b\nb ::= "x"?', /left-recursive/],
    ['root ::= ("a"?)*', /may be empty/],
    ['root ::= "a"{2001}', /repetitions/],
    ['root ::= "a"{99999999999999999999}', /repetitions|expected/],
    [`root ::= "${'a'.repeat(200)}"{2000}`, /too large/],
    [`root ::= ${'('.repeat(deep)}"a"${')'.repeat(deep)}`, /groups/],
    ['root ::= "a', /ends inside/],
    ['root ::= [a', /ends inside/],
    ['root ::= []', /empty character class/],
    ['root ::= "\\q"', /escape/],
    ['root ::= * "a"', /repeats nothing/],
    ['root ::= <[5]>', /token references/],
    ['root ::= !<end>', /token references/],
    ['root := "a"', /::=/],
    ['root ::= "a"\nroot ::= "b"', /twice/],
    ['root ::= "a" )', /end of the rule/],
    [`root ::= "${'a'.repeat(300_000)}"`, /characters/],
    [doubling(30), /begin with the same/],
  ]
  for (const [text, message] of bad) {
    assert.throws(() => checkGbnf(text), { code: 'BAD_GRAMMAR', message }, text.slice(0, 60))
  }
})

/** Each rule begins with the next one twice: 2^n paths. */
function doubling(rules: number): string {
  const lines = Array.from({ length: rules }, (_, i) => `r${i} ::= r${i + 1} "a" | r${i + 1} "b"`)
  return [`root ::= r0`, ...lines, `r${rules} ::= "x"`].join('\n')
}

test('checkGbnf agrees with the library on what it lets pass', () => {
  const piece = fc.constantFrom(
    '"a"',
    '"b"',
    '[a-c]',
    '.',
    'x',
    'y',
    '(',
    ')',
    '|',
    '*',
    '?',
    '+',
    '{2}',
    '{0,3}',
    ' ',
  )
  const body = fc.array(piece, { minLength: 1, maxLength: 9 }).map((parts) => parts.join(' '))
  fc.assert(
    fc.property(body, body, body, (root, x, y) => {
      const text = `root ::= ${root}\nx ::= ${x}\ny ::= ${y}`
      try {
        checkGbnf(text)
      } catch {
        return
      }
      // Passing the check means that the library takes it and that it can be used.
      accepts(gbnf(text), 'abcabc')
    }),
    { numRuns: 400 },
  )
})

test('Engine constrains its answer to a schema and ends properly', () => {
  const prompt = { text: 'A person:', addSpecial: true, parseSpecial: false }
  let complete = 0
  for (let seed = 0; seed < 12; seed++) {
    const value = seed % 2 === 0 ? PERSON : TREE
    const answer = ask(prompt, { temperature: 1, seed, maxTokens: 400, grammar: schema(value) })
    if (answer.reason !== 'stop') continue
    complete++
    assert.ok(isValid(JSON.parse(answer.text), value), answer.text)
  }
  assert.ok(complete >= 6, `only ${complete} answers came to an end`)
})

test('Engine with a grammar and no temperature takes the most likely allowed token', () => {
  const prompt = { text: 'yes or no', addSpecial: true, parseSpecial: false }
  const answer = ask(prompt, { maxTokens: 20, grammar: gbnf('root ::= "yes" | "no"') })
  assert.match(answer.text, /^(yes|no)$/)
  assert.equal(answer.reason, 'stop')
})

test('Engine ends at a complete grammar even when end-of-text tokens are forbidden', () => {
  const prompt = { text: 'x', addSpecial: true, parseSpecial: false }
  const grammar = gbnf('root ::= "ab"')
  const answer = ask(prompt, { maxTokens: 20, grammar, ignoreEos: true })
  assert.deepEqual([answer.text, answer.reason], ['ab', 'stop'])
})

test('Engine fails only the request whose grammar leads nowhere', () => {
  const prompt = { text: 'x', addSpecial: true, parseSpecial: false }
  const dead = ask(prompt, { maxTokens: 20, grammar: gbnf('root ::= "a" [\\x00]') })
  assert.equal(dead.error, 'BAD_GRAMMAR')
  assert.throws(() => submit(prompt, { grammar: gbnf('root ::= root') }), { code: 'BAD_GRAMMAR' })
  assert.equal(ask(prompt, { maxTokens: 2 }).tokens.length, 2)
})
