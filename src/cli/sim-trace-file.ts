/** Writes what happened in a simulation of serving, one line for each request and step. */
import type { RequestRecord, StepRecord } from '../sim/serving/simulation.js'
import { type TraceForm, type TraceRecord, traceFormOf, traceLine } from '../sim/trace-line.js'
import { LineFile } from './write-output.js'

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

export class TraceFile {
  readonly #file: LineFile
  readonly #form: TraceForm

  /**
   * `.csv`: one table of both; `.jsonl`: an object on each line.
   * @throws SputnikError USAGE, OUTPUT_UNWRITABLE
   */
  constructor(path: string) {
    this.#form = traceFormOf(path)
    this.#file = new LineFile(path)
    if (this.#form === 'csv') this.#file.add(COLUMNS.join(','))
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
    this.#file.close()
  }

  #write(record: TraceRecord<(typeof COLUMNS)[number]>): void {
    this.#file.add(traceLine(record, { columns: COLUMNS, form: this.#form }))
  }
}
