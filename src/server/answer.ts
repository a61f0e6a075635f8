/**
 * What the two generating endpoints have in common in the shape of their answers. Knows nothing
 * of sockets.
 */
import type { FinishReason, StepOutput } from '../engine/protocol.js'
import type { PromptLogprobs } from './sequence-group.js'
import type { UsageTotal } from './usage.js'

/** Fields that are the same in every object of one answer. */
export type AnswerHead = {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly fingerprint: string
}

export type Progress = {
  readonly total: number
  readonly cache: number
  readonly processed: number
  readonly time_ms: number
}

/** Events of one request as SSE text; an empty string sends nothing. */
export type StreamFormat = {
  readonly progress: (progress: Progress) => string
  readonly promptLogprobs: (index: number, logprobs: PromptLogprobs) => string
  readonly output: (index: number, output: StepOutput) => string
  readonly finished: (index: number, reason: FinishReason) => string
  /** After the last sequence. */
  readonly end: (total: UsageTotal) => string
}

/** Gathers one request's events for an answer in one piece. */
export type CollectFormat = {
  readonly promptLogprobs: (index: number, logprobs: PromptLogprobs) => void
  readonly output: (index: number, output: StepOutput) => void
  readonly finished: (index: number, reason: FinishReason) => void
  readonly body: (total: UsageTotal) => unknown
}

/** The beginning of every chunk, made once: a step then costs one small `JSON.stringify`. */
export function chunkStart(head: AnswerHead, object: string, withUsage: boolean): string {
  const fields = JSON.stringify({
    id: head.id,
    object,
    created: head.created,
    model: head.model,
    system_fingerprint: head.fingerprint,
  })
  return `data: ${fields.slice(0, -1)}${withUsage ? ',"usage":null' : ''}`
}

/** The trailing chunk: usage without choices. */
export function usageChunk(head: AnswerHead, object: string, total: UsageTotal): string {
  const start = chunkStart(head, object, false)
  const usage = JSON.stringify(total.usage())
  return `${start},"choices":[],"usage":${usage},"timings":${JSON.stringify(total.timings())}}\n\n`
}
