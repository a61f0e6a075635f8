/**
 * Parameters that need no code: those that change nothing here, and those that are accepted only
 * with the value that turns them off. Everything else that is unknown is refused later.
 */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from './json-body.js'

/** Accepted and ignored: none of them changes the text of the answer. */
export const IGNORED_PARAMS: readonly string[] = [
  'user',
  'store',
  'metadata',
  'service_tier',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prediction',
  'parallel_tool_calls',
  'cache_prompt',
  'id_slot',
  'slot_id',
  'timings_per_token',
  'priority',
  'request_id',
]

/** Unsupported, but harmless with these values: clients send them as defaults. */
export const NEUTRAL_VALUES: Readonly<Record<string, readonly unknown[]>> = {
  tools: [[]],
  tool_choice: ['none', 'auto'],
  functions: [[]],
  function_call: ['none', 'auto'],
  modalities: [['text']],
  suffix: [''],
  best_of: [1],
  use_beam_search: [false],
  length_penalty: [1],
  typical_p: [1],
  tfs_z: [1],
  top_a: [0],
  mirostat: [0],
  dynatemp_range: [0],
  xtc_probability: [0],
  dry_multiplier: [0],
  add_generation_prompt: [true],
  continue_final_message: [false],
  skip_special_tokens: [true],
  spaces_between_special_tokens: [true],
  include_stop_str_in_output: [false],
  prompt_logprobs: [0],
}

/**
 * The body without parameters that mean nothing: null values, ignored names, neutral values.
 * Tools beside `tool_choice: "none"` mean nothing too.
 */
export function dropInertParams(body: JsonObject): JsonObject {
  const kept: Record<string, unknown> = Object.create(null)
  for (const [name, value] of Object.entries(body)) {
    if (!isInert(name, value, body)) kept[name] = value
  }
  return kept
}

function isInert(name: string, value: unknown, body: JsonObject): boolean {
  if (value === null || IGNORED_PARAMS.includes(name)) return true
  if (name === 'tools' && body.tool_choice === 'none') return true
  if (!Object.hasOwn(NEUTRAL_VALUES, name)) return false
  return NEUTRAL_VALUES[name]?.some((neutral) => isDeepStrictEqual(neutral, value)) ?? false
}
