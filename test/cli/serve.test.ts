/**
 * The real command in a real process with a fake engine: start, ready line, signals, errors.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { call, chat, FAKE_ENGINE, until } from '../server/harness.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

type Served = AsyncDisposable & {
  readonly child: ChildProcess
  readonly url: string
  readonly stderr: () => string
}

async function serve(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Served> {
  const all = [MAIN, 'serve', '/tmp/tiny.gguf', '--port', '0', '--engine', FAKE_ENGINE, ...args]
  const child = spawn(process.execPath, all, { env: { ...process.env, ...env } })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  await until(() => /ready at (\S+)/.test(stderr) || child.exitCode !== null)
  const url = /ready at (\S+)/.exec(stderr)?.[1]
  assert.ok(url, stderr)
  const dispose = async (): Promise<void> => {
    if (child.exitCode === null) child.kill('SIGKILL')
  }
  return { child, url, stderr: () => stderr, [Symbol.asyncDispose]: dispose }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode
  const [status] = await once(child, 'exit')
  return status
}

type Finished = { readonly status: number; readonly stdout: string; readonly stderr: string }

function sputnik(args: readonly string[], input = ''): Promise<Finished> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr })
    })
    child.stdin?.end(input)
  })
}

test('serve prints where it is and how to use it', async () => {
  await using served = await serve()
  assert.match(served.stderr(), /tiny is ready at http:\/\/127\.0\.0\.1:\d+\n/)
  assert.match(served.stderr(), /export OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/v1/)
  const answer = await call(served.url, '/v1/chat/completions', {
    body: { ...chat('echo hello'), model: 'tiny' },
  })
  assert.equal(answer.json.choices[0]?.message.content, ' hello')
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`serve drains on ${signal} and exits 0`, async () => {
    await using served = await serve()
    const body = { messages: [{ role: 'user', content: 'slow 500 done' }] }
    const running = call(served.url, '/v1/chat/completions', { body })
    await until(async () => (await metric(served.url, 'requests_running')) === 1)
    served.child.kill(signal)
    await until(async () => (await call(served.url, '/ready')).status === 503)
    assert.equal((await running).json.choices[0]?.message.content, ' done')
    assert.equal(await exitOf(served.child), 0)
  })
}

test('serve cuts what still runs after the drain time', async () => {
  await using served = await serve(['--drain', '0'])
  const body = { messages: [{ role: 'user', content: 'forever' }] }
  const running = call(served.url, '/v1/chat/completions', { body })
  const rejected = assert.rejects(running)
  await until(async () => (await metric(served.url, 'requests_running')) === 1)
  served.child.kill('SIGTERM')
  await rejected
  assert.equal(await exitOf(served.child), 0)
})

test('serve ends at once on a second signal', async () => {
  await using served = await serve()
  const body = { messages: [{ role: 'user', content: 'forever' }] }
  call(served.url, '/v1/chat/completions', { body }).catch(() => {})
  await until(async () => (await metric(served.url, 'requests_running')) === 1)
  served.child.kill('SIGTERM')
  await until(async () => (await call(served.url, '/ready')).status === 503)
  served.child.kill('SIGTERM')
  assert.equal(await exitOf(served.child), 143)
})

test('serve stops while the model loads', async () => {
  const all = [MAIN, 'serve', '/tmp/tiny.gguf', '--port', '0', '--engine', FAKE_ENGINE]
  const child = spawn(process.execPath, all, { env: { ...process.env, FAKE_LOAD_MS: '600000' } })
  await once(child.stderr, 'data')
  child.kill('SIGTERM')
  assert.equal(await exitOf(child), 0)
})

test('serve takes keys from flag, environment and file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sputnik-keys-'))
  try {
    const file = join(folder, 'keys')
    await writeFile(file, '# keys\nfrom-file\n\n')
    await using served = await serve(['--api-key-file', file], { SPUTNIK_API_KEY: 'from-env' })
    for (const key of ['from-file', 'from-env']) {
      const headers = { authorization: `Bearer ${key}` }
      assert.equal((await call(served.url, '/v1/models', { headers })).status, 200)
    }
    assert.equal((await call(served.url, '/v1/models')).status, 401)
  } finally {
    await rm(folder, { recursive: true })
  }
})

const usageErrors: ReadonlyArray<readonly [readonly string[], number, RegExp]> = [
  [['join'], 2, /^USAGE {2}required option '--key/],
  [['serve', 'm', '--prot', '1'], 2, /Did you mean --port\?/],
  [['serve', 'm', '--port', '70000'], 2, /from 0 to 65535/],
  [['serve', 'm', '--cards', '-1'], 2, /from 0 to 256/],
  [['serve', 'm', '--kv-type', 'q9'], 2, /Allowed choices/],
  [['serv', 'm'], 2, /Did you mean serve\?/],
  [['serve', 'm', '--host', '0.0.0.0'], 2, /^NO_API_KEY {2}.*\nfix: /],
  [['serve', 'm', '--api-key', 'a b'], 2, /^USAGE/],
  [['serve', 'm', '--api-key-file', '/nowhere'], 2, /^USAGE/],
]

for (const [args, status, pattern] of usageErrors) {
  test(`sputnik ${args.join(' ')} exits ${status}`, async () => {
    const finished = await sputnik(args)
    assert.equal(finished.status, status, finished.stderr)
    assert.match(finished.stderr, pattern)
    assert.doesNotMatch(finished.stderr, /\n {4}at /)
  })
}

test('serve passes the error of the engine on', async () => {
  const args = ['serve', '/missing.gguf', '--port', '0', '--engine', FAKE_ENGINE]
  const finished = await sputnik(args)
  assert.equal(finished.status, 3)
  assert.match(finished.stderr, /FILE_NOT_FOUND {2}\/missing\.gguf does not exist\nfix: /)
})

test('serve on a port in use says so', async () => {
  await using served = await serve()
  const { port } = new URL(served.url)
  const finished = await sputnik(['serve', 'm', '--port', port, '--engine', FAKE_ENGINE])
  assert.equal(finished.status, 1)
  assert.match(finished.stderr, /^PORT_IN_USE/)
})

test('sputnik --help and --version load no command', async () => {
  const help = await sputnik(['--help'])
  assert.equal(help.status, 0)
  assert.match(help.stdout, /serve/)
  assert.match((await sputnik(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
  assert.match((await sputnik(['serve', '--help'])).stdout, /--card-threads/)
  assert.match((await sputnik(['help', 'serve'])).stdout, /--card-threads/)
})

test('run streams the answer to stdout and the speed to stderr', async () => {
  const finished = await sputnik(['run', 'm', 'echo a b', '--engine', FAKE_ENGINE])
  assert.equal(finished.status, 0, finished.stderr)
  assert.equal(finished.stdout, ' a b\n')
  assert.match(finished.stderr, /answer 2 tokens at [\d.]+\/s/)
})

test('run reads stdin and prints JSON', async () => {
  const args = ['run', 'm.gguf', '--engine', FAKE_ENGINE, '--raw', '--json', '--max-tokens', '2']
  const finished = await sputnik(args, 'echo a b c\n')
  const { text, finishReason, usage } = JSON.parse(finished.stdout)
  assert.equal(text, ' a b')
  assert.equal(finishReason, 'length')
  assert.equal(usage.completionTokens, 2)
})

test('run ends with the error of a lost engine', async () => {
  const finished = await sputnik(['run', 'm', 'crash 1', '--engine', FAKE_ENGINE])
  assert.equal(finished.status, 1)
  assert.match(finished.stderr, /ENGINE_LOST/)
})

async function metric(url: string, name: string): Promise<number> {
  const { text } = await call(url, '/metrics')
  return Number(new RegExp(`^sputnik_${name} (\\d+)`, 'm').exec(text)?.[1])
}
