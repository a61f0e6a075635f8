/** Writes what happened in a simulation of serving, one line for each request and step. */
import { closeSync, writeSync } from 'node:fs'
import type { RequestRecord, StepRecord } from '../sim/serving/simulation.js'
import { type TraceForm, type TraceRecord, traceFormOf, traceLine } from '../sim/trace-line.js'
import { openOutput } from './write-output.js'

const COLUMNS = [
  'kind',
  'began_s',
  'ended_s',
  'id',
  'outcome',
  'prompt_tokens',
  'output_tokens',
  'cached_tokens',
  'admitted_s',
  'first_token_s',
  'prefill_tokens',
  'decode_sequences',
  'context_tokens',
] as const

const BUFFER_CHARACTERS = 1 << 16

export class TraceFile {
  readonly #fd: number
  readonly #form: TraceForm
  #buffer = ''

  /**
   * `.csv`: one table of both; `.jsonl`: an object on each line.
   * @throws SputnikError USAGE, OUTPUT_UNWRITABLE
   */
  constructor(path: string) {
    this.#form = traceFormOf(path)
    this.#fd = openOutput(path)
    if (this.#form === 'csv') this.#buffer = `${COLUMNS.join(',')}\n`
  }

  request(record: RequestRecord): void {
    this.#write({
      kind: 'request',
      began_s: record.arrivalS,
      ended_s: record.endedS,
      id: record.id,
      outcome: record.outcome,
      prompt_tokens: record.promptTokens,
      output_tokens: record.generatedTokens,
      cached_tokens: record.cachedTokens,
      admitted_s: record.admittedS,
      first_token_s: record.firstTokenS,
    })
  }

  step({ shape, beganS, endedS, generated }: StepRecord): void {
    this.#write({
      kind: 'step',
      began_s: beganS,
      ended_s: endedS,
      output_tokens: generated,
      prefill_tokens: shape.prefillTokens,
      decode_sequences: shape.decodeSequences,
      context_tokens: shape.contextTokens,
    })
  }

  close(): void {
    this.#flush()
    closeSync(this.#fd)
  }

  #write(record: TraceRecord<(typeof COLUMNS)[number]>): void {
    this.#buffer += `${traceLine(record, { columns: COLUMNS, form: this.#form })}\n`
    if (this.#buffer.length >= BUFFER_CHARACTERS) this.#flush()
  }

  #flush(): void {
    writeSync(this.#fd, this.#buffer)
    this.#buffer = ''
  }
}
