/**
 * Mutates recorded inputs. `SPUTNIK_FUZZ_SECONDS` is how long for each target (2),
 * `SPUTNIK_FUZZ_SEED` where to begin (1): a failure names its seed, which alone replays it.
 *
 * The corpus is in `corpus/<target>`, one input for each file; an input that once failed is added
 * there. `"protocol":99999` in one becomes the version of this code.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defined } from '../../src/base/assert.js'
import { Prng } from '../../src/base/prng.js'
import { PROTOCOL_VERSION } from '../../src/fabric/frame.js'

const CORPUS = 'test/fabric/corpus'
const SECONDS = Number(process.env.SPUTNIK_FUZZ_SECONDS ?? 2)
const SEED = Number(process.env.SPUTNIK_FUZZ_SEED ?? 1)
const INPUT_BYTES_MAX = 1 << 16
const MUTATIONS_MAX = 6
const SPECIAL = [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x5c, 0x7b, 0x7d, 0x2d, 0x39, 0x65]

const OWN_VERSION = '99999'

function corpusOf(target: string): Buffer[] {
  const folder = join(CORPUS, target)
  return readdirSync(folder)
    .sort()
    .map((name) => withOwnVersion(readFileSync(join(folder, name))))
}

/** JSON minds no spaces, so the length of the frame stays. */
function withOwnVersion(bytes: Buffer): Buffer {
  const version = String(PROTOCOL_VERSION).padEnd(OWN_VERSION.length)
  const text = bytes.toString('latin1')
  return Buffer.from(
    text.replaceAll(`"protocol":${OWN_VERSION}`, `"protocol":${version}`),
    'latin1',
  )
}

function mutate(random: Prng, corpus: readonly Buffer[]): Buffer {
  const pick = () => defined(corpus[random.nextBelow(corpus.length)], 'corpus')
  let bytes: Buffer = Buffer.from(pick())
  const count = random.nextBelow(MUTATIONS_MAX + 1)
  for (let i = 0; i < count; i++) bytes = mutateOnce(random, { bytes, other: pick() })
  return bytes.subarray(0, INPUT_BYTES_MAX)
}

function mutateOnce(random: Prng, { bytes, other }: { bytes: Buffer; other: Buffer }): Buffer {
  const at = random.nextBelow(bytes.length + 1)
  const length = random.nextBelow(1 << random.nextBelow(12))
  const [start, rest] = [bytes.subarray(0, at), bytes.subarray(at)]
  const special = SPECIAL[random.nextBelow(SPECIAL.length)] ?? 0
  switch (random.nextBelow(7)) {
    case 0:
      return Buffer.concat([start, Buffer.of(random.nextBelow(256)), rest.subarray(1)])
    case 1:
      return Buffer.concat([start, Buffer.alloc(length % 9, special), rest.subarray(length % 9)])
    case 2:
      return Buffer.concat([start, rest.subarray(length)])
    case 3:
      return Buffer.concat([start, Buffer.alloc(length, special), rest])
    case 4:
      return Buffer.concat([start, rest.subarray(0, length), rest])
    case 5:
      return Buffer.concat([start, other.subarray(random.nextBelow(other.length + 1))])
    default:
      return start
  }
}

/** All answers of `check` to many inputs; what escapes is told with the seed and the input. */
export function fuzz(target: string, check: (bytes: Buffer, random: Prng) => string): Set<string> {
  const corpus = corpusOf(target)
  const outcomes = new Set<string>()
  const run = (bytes: Buffer, seed: number): void => {
    try {
      outcomes.add(check(bytes, Prng.fromSeed(seed)))
    } catch (error) {
      const hex = bytes.toString('hex')
      throw new Error(`${target}: SPUTNIK_FUZZ_SEED=${seed} input ${hex}`, { cause: error })
    }
  }
  for (const bytes of corpus) run(bytes, 0)
  const endMs = performance.now() + SECONDS * 1000
  for (let seed = SEED; performance.now() < endMs; seed++) {
    run(mutate(Prng.fromSeed(seed), corpus), seed)
  }
  return outcomes
}
