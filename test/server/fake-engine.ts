/**
 * A stand-in for the engine process: speaks the real protocol over real IPC and answers from the
 * prompt alone. One token is one word (or one byte of it, see `bytes`). The last line of the
 * prompt's text may begin with a command:
 *
 *   echo a b c    answers ` a`, ` b`, ` c`, one token a step
 *   say TEXT      answers TEXT cut into pieces of three characters
 *   bytes TEXT    one token per UTF-8 byte; text comes when characters are whole
 *   long N        answers N words
 *   forever       never ends
 *   flood         never ends, with 16 KiB a token
 *   slow MS TEXT  as echo, after MS milliseconds without a word
 *   prefill N     reports N steps of prefill, then answers `done`
 *   crash N       answers N words, then the process dies
 *   fail CODE     the request fails at once
 *   late CODE     one word, then the request fails
 *   params        answers its own sampling parameters as JSON
 *   prompt        answers the whole prompt it got, as JSON
 */
import { type ErrorCode, SputnikError, toPlain } from '../../src/base/errors.js'
import type {
  EngineCommand,
  EngineConfig,
  EngineEvent,
  FinishReason,
  FleetCommand,
  ModelInfo,
  Prompt,
  SamplingParams,
  StepOutput,
  TokenChoice,
} from '../../src/engine/protocol.js'
import { FakeFleet } from './fake-fleet.js'

type Generate = Extract<EngineCommand, { kind: 'generate' }>

type Piece = { readonly text: string; readonly bytes: readonly number[] }

type Sequence = {
  readonly id: number
  readonly params: SamplingParams
  readonly pieces: readonly Piece[]
  readonly end: FinishReason | 'crash' | 'never' | ErrorCode
  promptTokens: number
  delayMs: number
  prefillLeft: number
  at: number
  sent: number
  text: string
}

const STEP_MS = Number(process.env.FAKE_STEP_MS ?? 2)
const LOAD_MS = Number(process.env.FAKE_LOAD_MS ?? 0)
const FIRST_WORD_TOKEN = 300
const FLOOD_TOKENS = 10_000
const VOCAB_SIZE = 4096
const words: string[] = []

let config: EngineConfig | undefined
const waiting: Sequence[] = []
const running: Sequence[] = []
let steps = 0
let statsCalls = 0
let generatedTokens = 0
let promptTokens = 0
const cancelled: number[] = []
const fleet = new FakeFleet()

function send(event: EngineEvent): void {
  process.send?.(event)
}

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit(0))
process.on('message', (message) => receive(message as EngineCommand))

function receive(command: EngineCommand): void {
  switch (command.kind) {
    case 'start':
      start(command.config)
      return
    case 'generate':
      begin(command)
      return
    case 'cancel':
      cancel(command.id)
      return
    case 'tokenize':
      send({ kind: 'tokens', id: command.id, tokens: toTokens(command.text, command.addSpecial) })
      return
    case 'detokenize':
      send({ kind: 'text', id: command.id, text: command.tokens.map(textOf).join('') })
      return
    case 'stats':
      sendStats(command.id)
      return
    case 'experts':
    case 'fleet-change':
      answerFleet(command)
      return
    case 'shutdown':
      process.exit(0)
  }
}

function answerFleet(command: FleetCommand): void {
  const { id } = command
  try {
    if (config?.fleetListen === undefined) throw new SputnikError('FLEET_OFF', 'fake: no fleet')
    if (command.kind === 'experts') send({ kind: 'experts', id, experts: fleet.experts() })
    else if (command.node === 'silence') return
    else {
      fleet.change(command.action, command.node)
      send({ kind: 'done', id })
    }
  } catch (error) {
    send({ kind: 'error', id, error: toPlain(error) })
  }
}

function start(given: EngineConfig): void {
  config = given
  if (given.modelPath.includes('missing')) {
    const message = `${given.modelPath} does not exist`
    send({ kind: 'failed', error: { code: 'FILE_NOT_FOUND', message, details: {} } })
    setTimeout(() => process.exit(1), 10)
    return
  }
  send({ kind: 'loading', stage: 'trunk', done: 0, total: 2 })
  setTimeout(() => {
    send({ kind: 'loading', stage: 'trunk', done: 2, total: 2 })
    send({ kind: 'ready', model: modelInfo(given) })
    setInterval(step, STEP_MS)
  }, LOAD_MS)
}

function modelInfo(given: EngineConfig): ModelInfo {
  return {
    id: given.modelId ?? 'fake',
    architecture: 'fake',
    description: 'fake 1 kB',
    chatTemplate: process.env.FAKE_TEMPLATE ?? null,
    bosText: '<s>',
    eosText: '</s>',
    vocabSize: VOCAB_SIZE,
    hasVocab: true,
    contextLength: given.contextLength === 0 ? 1000 : given.contextLength,
    trainContextLength: 1000,
    parallel: given.parallel,
    experts: 8,
    expertsUsed: 3,
    cards: given.cards,
    fingerprint: 'fp_fa4e',
  }
}

// Words become tokens in the order in which they are first seen; tokens below 256 are bytes.
function toTokens(text: string, addSpecial: boolean): number[] {
  const tokens = addSpecial ? [256] : []
  for (const piece of text.match(/\s*\S+|\s+$/g) ?? []) {
    let index = words.indexOf(piece)
    if (index < 0) index = words.push(piece) - 1
    tokens.push(FIRST_WORD_TOKEN + index)
  }
  return tokens
}

function textOf(token: number): string {
  if (token === 256) return ''
  return words[token - FIRST_WORD_TOKEN] ?? `<${token}>`
}

function promptText(prompt: Prompt): string {
  return 'text' in prompt ? prompt.text : prompt.tokens.map(textOf).join('')
}

/** The last line that is no markup of a template. */
function commandLine(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/<\|im_end\|>$/, ''))
  return lines.filter((line) => line !== '' && !/^<.*>\w*$/.test(line)).at(-1) ?? ''
}

function begin({ id, prompt, params }: Generate): void {
  const text = promptText(prompt)
  const tokens = 'text' in prompt ? toTokens(text, prompt.addSpecial) : prompt.tokens
  const [name = '', ...rest] = commandLine(text).split(' ')
  const code = failCode(name, rest, tokens.length)
  if (code !== undefined) {
    send({ kind: 'error', id, error: { code, message: `fake ${code}`, details: {} } })
    return
  }
  const made = sequence({ id, params, name, rest, prompt })
  made.promptTokens = tokens.length
  promptTokens += tokens.length
  waiting.push(made)
  if (params.promptLogprobs !== undefined) sendPromptLogprobs(made, tokens)
}

function failCode(name: string, rest: string[], length: number): ErrorCode | undefined {
  if (name === 'fail') return rest[0] as ErrorCode
  return length >= (config?.contextLength || 1000) ? 'CONTEXT_TOO_LONG' : undefined
}

type Parsed = {
  readonly id: number
  readonly params: SamplingParams
  readonly name: string
  readonly rest: string[]
  readonly prompt: Prompt
}

function sequence({ id, params, name, rest, prompt }: Parsed): Sequence {
  const made: Sequence = {
    id,
    params,
    pieces: piecesOf(name, rest, params, prompt),
    end: endOf(name, rest),
    promptTokens: 0,
    delayMs: name === 'slow' ? Number(rest[0]) : 0,
    prefillLeft: name === 'prefill' ? Number(rest[0]) : 0,
    at: 0,
    sent: 0,
    text: '',
  }
  return made
}

function endOf(name: string, rest: string[]): Sequence['end'] {
  if (name === 'crash') return 'crash'
  if (name === 'forever' || name === 'flood') return 'never'
  if (name === 'late') return rest[0] as ErrorCode
  return 'stop'
}

function piecesOf(name: string, rest: string[], params: SamplingParams, prompt: Prompt): Piece[] {
  const text = rest.join(' ').replaceAll('\\n', '\n')
  switch (name) {
    case 'say':
      return (text.match(/.{1,3}/gs) ?? []).map(whole)
    case 'bytes':
      return bytePieces(text)
    case 'long':
    case 'crash':
      return Array.from({ length: Number(rest[0]) }, (_, i) => whole(` w${i}`))
    case 'late':
      return [whole(' one')]
    case 'slow':
      return rest.slice(1).map((word) => whole(` ${word}`))
    case 'prefill':
      return [whole('done')]
    case 'params':
      return [whole(JSON.stringify(params))]
    case 'prompt':
      return [whole(JSON.stringify(prompt))]
    case 'forever':
      return []
    case 'flood':
      return Array(FLOOD_TOKENS).fill({ text: 'x'.repeat(16_384), bytes: [] })
    default:
      return (name === 'echo' ? rest : [name, ...rest]).map((word) => whole(` ${word}`))
  }
}

function whole(text: string): Piece {
  return { text, bytes: [...Buffer.from(text)] }
}

/** Text appears with the last byte of a character. */
function bytePieces(text: string): Piece[] {
  return [...text].flatMap((character) => {
    const bytes = [...Buffer.from(character)]
    return bytes.map((byte, i) => ({
      text: i === bytes.length - 1 ? character : '',
      bytes: [byte],
    }))
  })
}

function step(): void {
  while (running.length < (config?.parallel ?? 1)) {
    const next = waiting.shift()
    if (next === undefined) break
    running.push(next)
    const { id } = next
    send({ kind: 'started', id, promptTokens: next.promptTokens, cachedTokens: 1 })
  }
  if (running.length === 0) return
  steps++
  const outputs: StepOutput[] = []
  for (const one of [...running]) advance(one, outputs)
  if (outputs.length > 0) send({ kind: 'step', outputs })
  for (const one of [...running]) endIfDone(one)
}

function advance(one: Sequence, outputs: StepOutput[]): void {
  if (one.delayMs > 0) {
    one.delayMs -= STEP_MS
    return
  }
  if (one.prefillLeft > 0) {
    one.prefillLeft--
    send({ kind: 'prefill', id: one.id, done: 10 - one.prefillLeft, total: 10 })
    return
  }
  const piece = one.pieces[one.at] ?? (one.end === 'never' ? whole(` w${one.at}`) : undefined)
  if (piece === undefined || one.at >= one.params.maxTokens) return
  one.at++
  one.text += piece.text
  generatedTokens++
  outputs.push(outputOf(one, piece))
}

/** Text that may still become a stop string is held back, as the protocol promises. */
function outputOf(one: Sequence, piece: Piece): StepOutput {
  const safe = isFinished(one) ? visibleText(one) : one.text.slice(0, safeLength(one))
  const text = safe.slice(one.sent)
  one.sent = Math.max(one.sent, safe.length)
  const token = FIRST_WORD_TOKEN + (one.at % 100)
  const output = { id: one.id, text, tokens: [token] }
  return one.params.logprobs === undefined
    ? output
    : { ...output, choices: [choiceOf(token, piece.bytes, one.params.logprobs)] }
}

function choiceOf(token: number, bytes: readonly number[], count: number): TokenChoice {
  const top = Array.from({ length: count }, (_, i) =>
    i === 0
      ? { token, bytes, logprob: -0.5 }
      : { token: i, bytes: [...Buffer.from(` alt${i}`)], logprob: -0.5 - i },
  )
  return { token, bytes, logprob: -0.5, top }
}

function stopAt(one: Sequence): number {
  const found = one.params.stop.map((stop) => one.text.indexOf(stop)).filter((at) => at >= 0)
  return found.length === 0 ? -1 : Math.min(...found)
}

function visibleText(one: Sequence): string {
  const at = stopAt(one)
  return at < 0 ? one.text : one.text.slice(0, at)
}

function safeLength(one: Sequence): number {
  let held = 0
  for (const stop of one.params.stop) {
    for (let length = 1; length < stop.length; length++) {
      if (one.text.endsWith(stop.slice(0, length))) held = Math.max(held, length)
    }
  }
  return one.text.length - held
}

function isFinished(one: Sequence): boolean {
  if (stopAt(one) >= 0 || one.at >= one.params.maxTokens) return true
  return one.end !== 'never' && one.at >= one.pieces.length
}

function endIfDone(one: Sequence): void {
  if (one.delayMs > 0 || one.prefillLeft > 0 || !isFinished(one)) return
  if (one.end === 'crash') process.kill(process.pid, 'SIGKILL')
  running.splice(running.indexOf(one), 1)
  const { id } = one
  if (one.end !== 'stop' && one.end !== 'length' && one.end !== 'never' && one.end !== 'crash') {
    send({ kind: 'error', id, error: { code: one.end, message: 'fake late error', details: {} } })
    return
  }
  const isCut = stopAt(one) < 0 && (one.end === 'never' || one.at < one.pieces.length)
  send({ kind: 'finished', id, reason: isCut ? 'length' : 'stop', usage: usageOf(one) })
}

function usageOf(one: Sequence) {
  return {
    promptTokens: one.promptTokens,
    cachedTokens: 1,
    completionTokens: one.at,
    timings: { queued: 0, prefill: 0.001, decode: 0.002 * one.at },
  }
}

function sendPromptLogprobs(one: Sequence, tokens: readonly number[]): void {
  const count = one.params.promptLogprobs ?? 0
  const texts = tokens.map(textOf)
  const choices = tokens.map((token) => choiceOf(token, [...Buffer.from(textOf(token))], count))
  send({ kind: 'prompt-logprobs', id: one.id, tokens: choices.slice(1), texts })
}

function cancel(id: number): void {
  for (const list of [waiting, running]) {
    const at = list.findIndex((one) => one.id === id)
    if (at >= 0) list.splice(at, 1)
  }
  cancelled.push(id)
}

function sendStats(id: number): void {
  statsCalls++
  const card = { id: 0, pid: 1, device: 'CPU', pages: 24, pageBytes: 4096, expertCalls: steps }
  const stats = {
    fleet:
      config?.fleetListen === undefined
        ? null
        : fleet.view(config.fleetListen, { steps, looks: statsCalls }),
    waiting: waiting.length,
    running: running.length,
    steps,
    promptTokens,
    generatedTokens,
    cachedTokens: 0,
    // The tests read here how many cancels arrived.
    kvUsedTokens: cancelled.length,
    kvTotalTokens: 1000,
    regions: 0,
    cards: [{ ...card, restarts: 0, bytesSent: 10, bytesReceived: 20 }],
  }
  send({ kind: 'stats', id, stats })
}
