import assert from 'node:assert/strict'
import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SputnikError } from '../../src/base/errors.js'
import { simNetworkCommand } from '../../src/cli/sim-network.js'
import { file, folder, network } from './sim-network-command.js'

/** What the command says to those arguments instead of a report. */
async function refusal(...args: readonly string[]) {
  try {
    await simNetworkCommand().exitOverride().parseAsync(args, { from: 'user' })
  } catch (error) {
    assert.ok(error instanceof SputnikError, String(error))
    return { code: error.code, text: error.message, fix: error.fix, status: error.entry.exit }
  }
  return assert.fail('it was not refused')
}

test('sim network tells a refusal on stderr, and nothing on stdout', () => {
  const { out, err, status } = network('--rate', '100')
  assert.equal(status, 2)
  assert.equal(out, '')
  assert.match(err, /^PLAN_INVALID {2}options: rate is "100" without a unit/)
  assert.match(err, /^fix: Correct the field; docs\/fleet-file.md and docs\/sim.md/m)
})

/** Arguments; then what the error says, and the remedy if it is not in that. */
const BAD: ReadonlyArray<readonly [args: string, problem: RegExp, remedy?: RegExp]> = [
  ['--rate 100', /options: rate is "100" without a unit; write it as in "25 Gbit\/s"/],
  ['--rate 0Gbit/s', /rate is "0Gbit\/s"; it must be from 125000 to/],
  ['--delay 1m', /delay is "1m", and "m" is no unit of it/],
  ['--buffer 5GB', /buffer is "5GB"; it must be from 0 to 1000000000/],
  ['--mtu 64B', /mtu is "64B"; it must be from 128 to/],
  ['--hosts 1e9', /hosts is "1e9"; it must be a number/],
  ['--hosts 5000', /hosts is 5000; it must be at most 4096/],
  ['--topology ring', /topology is "ring"; it must be star or leaf-spine or fat-tree/],
  ['--transport quic', /transport is "quic"; it must be tcp or /],
  ['--compare tcp,quic', /compare is "quic"; it must be tcp or /],
  [
    '--workload storm',
    /workload is "storm"; it must be incast:<senders>, permutation, all-to-all or moe/,
  ],
  ['--workload incast:0', /workload has 0 senders; .* with 1 to 4095 senders/],
  ['--ecn lots', /ecn is "lots"; write it as in "64 GB", or auto, on or off/],
  ['--trim maybe', /trim is "maybe"; it must be auto or on or off/],
  ['--rounds 0', /rounds is 0; it must be at least 1/],
  ['--until 0s', /until is "0s"; it must be more than 0/],
  ['--sweep speed=1,2', /sweep: speed cannot be swept; choose one of senders, hosts/],
  ['--sweep senders', /sweep: "senders" is no sweep; write it as in senders=8,16,...,431/],
  ['--sweep senders=...,3', /sweep: before "..." two growing numbers must stand/],
  ['--sweep senders=1,2,...,1e300', /sweep: over 64 values/],
  ['--sweep bytes=1,2', /sweep: bytes is "1" without a unit/],
  ['--trace x.txt', /--trace x.txt: its name must end in .csv or .jsonl/, /See --help/],
]

for (const [args, problem, remedy] of BAD) {
  test(`sim network ${args} is refused with the field and the remedy`, async () => {
    const { text, fix, status } = await refusal(...args.split(' '))
    assert.equal(status, 2)
    assert.match(text, problem)
    assert.match(fix, remedy ?? /^Correct the field; docs\/fleet-file.md and docs\/sim.md/)
  })
}

const UNFIT: ReadonlyArray<readonly [args: string, problem: RegExp, remedy: RegExp]> = [
  ['--trim', /trim is on, but TCP NewReno takes/, /give trim as off, or transport as ndp/],
  ['--ecn', /ecn is on, but TCP NewReno reads no marks/, /or transport as dctcp or dcqcn\.$/m],
  ['--ecn off --transport dctcp', /ecn is off, but DCTCP slows down by marks/, /leave ecn out/],
  ['--trim off --transport ndp', /trim is off, but NDP learns/, /leave trim out/],
  ['--pfc --transport ndp', /pfc is on, but a queue that trims/, /leave pfc out/],
  ['--spray packet', /spray is packet, but TCP NewReno takes/, /give spray as flow, or/],
  ['--compare dctcp,tcp --ecn', /ecn is on, but TCP NewReno/, /give ecn as off/],
  ['--compare tcp --transport tcp', /transport and compare are both/, /leave one of them out/],
  ['--hosts 16', /hosts is 16, but an incast of 16 senders needs 17/, /give hosts as 17 or more/],
  ['--tokens 5', /tokens is given, but it says nothing of incast/, /leave tokens out/],
  [
    '--workload moe:gpt-oss-20b --bytes 1kB',
    /bytes is given, but it says .* moe/,
    /leave bytes out/,
  ],
  ['--leaves 2', /leaves is given, but the topology is star/, /give topology as leaf-spine/],
  [
    '--topology leaf-spine --hosts 30',
    /hosts is 30, which 4 leaves cannot share equally/,
    /give hosts as 32, or another number of leaves/,
  ],
  [
    '--topology fat-tree --hosts 100 --workload permutation',
    /no fat-tree of equal switches has 100 hosts/,
    /give hosts as one of 2, 16, 54, 128, 250, 432/,
  ],
]

for (const [args, problem, remedy] of UNFIT) {
  test(`sim network ${args} is refused with what to do instead`, async () => {
    const { code, text, fix, status } = await refusal(...args.split(' '))
    assert.equal(code, 'EXPERIMENT_UNFIT')
    assert.equal(status, 2)
    assert.match(text, problem)
    assert.match(fix, /^To mend it, /)
    assert.match(fix, remedy)
  })
}

for (const args of [
  '--workload all-to-all --hosts 2000',
  '--workload moe:deepseek-v3 --layout whole --hosts 256',
  '--workload all-to-all --hosts 512 --compare tcp,ndp --sweep seed=1,2,3,4,5',
  '--bytes 1TB',
  '--topology leaf-spine --leaves 1024 --spines 1024 --hosts 4096',
]) {
  test(`sim network ${args} is refused before anything is allocated`, async () => {
    const { code, status } = await refusal(...args.split(' '))
    assert.equal(code, 'SIM_TOO_LARGE')
    assert.equal(status, 6)
  })
}

test('models and cards that are not there are answered with those that are', async () => {
  const model = await refusal('--workload', 'moe:deepseek')
  assert.equal(model.code, 'MODEL_UNKNOWN')
  assert.match(model.text, /near: deepseek-v3/)
  const card = await refusal('--workload', 'moe:gpt-oss-20b', '--card', 'rtx-509')
  assert.equal(card.code, 'CARD_UNKNOWN')
  assert.match(card.text, /near: rtx-5090/)
  const full = await refusal('--workload', 'moe:deepseek-v3', '--hosts', '3')
  assert.equal(full.code, 'PLACEMENT_FULL')
})

test('bad files are refused with file, line and field', async () => {
  const check = async (text: string, problem: RegExp): Promise<void> => {
    const { status, text: said } = await refusal(join(folder, file('bad.yaml', text)))
    assert.equal(status, 2)
    assert.match(said, problem)
  }
  await check('bufer: 1 MB\n', /bad.yaml: bufer is no field of such a file; near: buffer/)
  await check('rate: 5\n', /bad.yaml: rate is 5 without a unit/)
  await check('rate: 5 Gbit/s\nrate: 6 Gbit/s\n', /bad.yaml: .*unique at line 2/)
  await check('[1, 2]\n', /bad.yaml: the file is \[1,2\]; it must be a section with fields/)
  assert.equal((await refusal('none.yaml')).code, 'FILE_NOT_FOUND')
})

test('output that cannot be written is refused before the run', async () => {
  const { code, text } = await refusal('--html', 'nowhere/x.html')
  assert.equal(code, 'OUTPUT_UNWRITABLE')
  assert.match(text, /^nowhere\/x.html/)
})

const FULL = '/dev/full'

test('a trace on a full disk is refused with its path', { skip: !existsSync(FULL) }, async () => {
  const trace = join(folder, 'full.csv')
  symlinkSync(FULL, trace)
  const { code, status, text } = await refusal('--workload', 'incast:2', '--trace', trace)
  assert.equal(code, 'OUTPUT_UNWRITABLE')
  assert.equal(status, 1)
  assert.match(text, /full\.csv: ENOSPC/)
})
