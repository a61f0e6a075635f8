/**
 * A stand-in for the domain process: speaks the real protocol over real IPC. What it does is in
 * the name it is given, which parts by `.`:
 *
 *   ok       becomes ready and stays
 *   config   the same, and its state text is its whole configuration
 *   fetch    tells progress, then becomes ready and stays
 *   refused  fails for good with JOIN_KEY_USED
 *   away     fails for now with PEER_UNREACHABLE
 *   crash    dies by a signal
 *   deaf     becomes ready and ignores SIGTERM
 *   several  loses its second head for a while, and its third for good, then becomes ready
 *
 * With FAKE_LIVES, a file, it appends a line for each life, and does the second word in the second
 * life and so on; the last word counts for all later ones.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import type { DomainCommand, DomainConfig, DomainEvent } from '../../src/domain/protocol.js'

function send(event: DomainEvent): void {
  process.send?.(event)
}

// A terminal sends Ctrl+C to all of its processes; only the command decides what it means.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(0))
process.on('message', ({ config }: DomainCommand) => {
  const words = config.name.split('.')
  act(words[Math.min(lifeNumber(), words.length) - 1] ?? '', config)
})

/** From 1. */
function lifeNumber(): number {
  const path = process.env.FAKE_LIVES
  if (path === undefined) return 1
  appendFileSync(path, `${process.pid} ${performance.timeOrigin}\n`)
  return readFileSync(path, 'utf8').trim().split('\n').length
}

function act(word: string, config: DomainConfig): void {
  send({ kind: 'state', head: 0, state: 'connecting', text: `to ${config.heads[0]?.host}` })
  const { pid } = process
  if (word === 'refused') fail('JOIN_KEY_USED', true)
  else if (word === 'away') fail('PEER_UNREACHABLE', false)
  else if (word === 'crash') process.kill(pid, 'SIGKILL')
  else if (word === 'config') beReady(JSON.stringify(config))
  else {
    if (word === 'several') loseHeads()
    if (word === 'deaf') process.on('SIGTERM', () => {})
    if (word === 'fetch') send({ kind: 'progress', pages: 3, bytes: 3 * 1024 ** 2 })
    beReady(`pid ${pid}`)
  }
}

function loseHeads(): void {
  const away = { code: 'PEER_UNREACHABLE', message: 'fake', details: {} } as const
  send({ kind: 'lost', head: 1, error: away, delayMs: 2000 })
  send({ kind: 'lost', head: 2, error: { ...away, code: 'NODE_EVICTED' }, delayMs: null })
}

function beReady(text: string): void {
  send({ kind: 'state', head: 0, state: 'ready', text })
}

function fail(code: 'JOIN_KEY_USED' | 'PEER_UNREACHABLE', isFinal: boolean): void {
  send({ kind: 'failed', error: { code, message: `fake ${code}`, details: {} }, isFinal })
  setTimeout(() => process.exit(1), 5)
}
