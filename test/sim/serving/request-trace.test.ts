import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SputnikError } from '../../../src/base/errors.js'
import { parseRequests } from '../../../src/sim/serving/request-trace.js'

const TITLES = 'arrival_s,prompt_tokens,output_tokens'

function complaint(text: string): string {
  try {
    parseRequests(text, 'day.csv')
  } catch (error) {
    assert.ok(error instanceof SputnikError && error.code === 'TRACE_INVALID')
    return error.message
  }
  assert.fail('nothing is wrong with it')
}

test('parseRequests reads CSV and JSON lines alike', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1e6), fc.integer({ min: 1, max: 9999 })), { minLength: 1 }),
      (rows) => {
        const requests = rows
          .map(([arrivalS, tokens]) => ({
            arrivalS,
            promptTokens: tokens,
            outputTokens: (tokens % 7) + 1,
          }))
          .sort((a, b) => a.arrivalS - b.arrivalS)
        const csv = requests.map((one) => Object.values(one).join(','))
        const json = requests.map(({ arrivalS, promptTokens, outputTokens }) =>
          JSON.stringify({
            output_tokens: outputTokens,
            arrival_s: arrivalS,
            prompt_tokens: promptTokens,
          }),
        )
        assert.deepEqual(parseRequests([TITLES, ...csv, ''].join('\r\n'), 'a'), requests)
        assert.deepEqual(parseRequests(json.join('\n'), 'a'), requests)
      },
    ),
  )
})

test('parseRequests counts dates from the first request on', () => {
  const text = [
    'TIMESTAMP,ContextTokens,GeneratedTokens',
    '2023-11-16 18:17:03.9799600,4808,10',
    '2023-11-16 18:17:04.2299600,3180,8',
  ].join('\n')
  const [first, second] = parseRequests(text, 'azure.csv')
  assert.deepEqual(first, { arrivalS: 0, promptTokens: 4808, outputTokens: 10 })
  assert.ok(Math.abs((second?.arrivalS ?? 0) - 0.25) < 1e-3)
})

test('parseRequests names line, field and remedy', () => {
  const row = (...cells: string[]): string => complaint([TITLES, '0,1,1', ...cells].join('\n'))
  assert.match(row('1,-5,1'), /line 3: prompt_tokens is "-5"; give a whole number/)
  assert.match(row('1,5'), /line 3: output_tokens is missing/)
  assert.match(row('1,5,1.5'), /line 3: output_tokens is "1.5"/)
  assert.match(row('soon,5,1'), /line 3: arrival_s is "soon"; give seconds/)
  assert.match(row('2,5,1', '1,5,1'), /line 4: arrival_s is before .*sort/)
  assert.match(complaint('arrival_s,prompt_tokens\n0,1'), /no column output_tokens/)
  assert.match(complaint('{"arrival_s": 0'), /line 1: it is no JSON object/)
  assert.match(complaint(TITLES), /there is no request/)
})
