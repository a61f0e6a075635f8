/**
 * The body of /v1/chat/completions: its parameters, and messages as chat templates expect them.
 * Knows nothing of the engine's answers.
 */
import { z } from 'zod'
import { MESSAGES_MAX, TOP_LOGPROBS_MAX } from './limits.js'
import { commonFields } from './sampling.js'
import type { TemplateMessage, TemplateVariables } from './template.js'

const textPart = z.strictObject({
  type: z.literal('text', { error: 'only text parts are supported' }),
  text: z.string(),
})
/** Parts are checked one by one, so that an image is refused by name. */
const parts = z.array(z.looseObject({ type: z.string() }).pipe(textPart)).max(MESSAGES_MAX)
const content = z.preprocess(
  (value) => (typeof value === 'string' ? [{ type: 'text', text: value }] : value),
  parts,
)
const toolCall = z.looseObject({
  id: z.string().max(256).optional(),
  type: z.literal('function').default('function'),
  function: z.looseObject({ name: z.string().max(256), arguments: z.string().default('{}') }),
})

const anyMessage = {
  content,
  name: z.string().max(256).optional(),
}
const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('system'), ...anyMessage }),
  z.strictObject({ role: z.literal('developer'), ...anyMessage }),
  z.strictObject({ role: z.literal('user'), ...anyMessage }),
  z.strictObject({
    role: z.literal('assistant'),
    ...anyMessage,
    content: content.nullish(),
    reasoning_content: z.string().nullish(),
    reasoning: z.string().nullish(),
    tool_calls: z.array(toolCall).max(128).nullish(),
    // Parts of an answer that clients send back as they got it; always empty here.
    refusal: z.null().optional(),
    annotations: z.array(z.unknown()).max(0).nullish(),
    audio: z.null().optional(),
    function_call: z.null().optional(),
  }),
  z.strictObject({
    role: z.literal('tool'),
    ...anyMessage,
    tool_call_id: z.string().max(256).optional(),
  }),
])

/** Data for the template, never code: only these names, only these types. */
const templateKwargs = z.strictObject({
  enable_thinking: z.boolean().optional(),
  thinking: z.boolean().optional(),
  reasoning_effort: z.string().max(16).optional(),
})

export const chatSchema = z.strictObject({
  ...commonFields,
  max_tokens: commonFields.max_tokens.pipe(z.number().min(1).optional()),
  max_completion_tokens: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .optional(),
  messages: z.array(message).min(1, 'must have at least one message').max(MESSAGES_MAX),
  logprobs: z.boolean().default(false),
  top_logprobs: z.int().min(0).max(TOP_LOGPROBS_MAX).optional(),
  reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
  chat_template_kwargs: templateKwargs.optional(),
})

export type ChatParams = z.output<typeof chatSchema>

type ChatMessage = ChatParams['messages'][number]

/** `template` decides whether the newer role `developer` is known or becomes `system`. */
export function toTemplateMessages(
  messages: readonly ChatMessage[],
  template: string | null,
): readonly TemplateMessage[] {
  const knowsDeveloper = template?.includes('developer') ?? false
  return messages.map((message) => {
    const role = message.role === 'developer' && !knowsDeveloper ? 'system' : message.role
    return { ...definedFields(message), role, content: joinParts(message.content) }
  })
}

/** What the request tells the template besides its messages. */
export function toTemplateVariables(params: ChatParams): TemplateVariables {
  const variables: Record<string, string | boolean> = {}
  const effort = params.reasoning_effort
  if (effort === 'none') variables.enable_thinking = false
  else if (effort !== undefined) variables.reasoning_effort = effort
  for (const [name, value] of Object.entries(params.chat_template_kwargs ?? {})) {
    if (value !== undefined) variables[name] = value
  }
  return variables
}

function joinParts(parts: ChatMessage['content']): string {
  return (parts ?? []).map((part) => part.text).join('\n')
}

/** Templates test for presence, so a field that is null must be absent. */
function definedFields(message: ChatMessage): Record<string, unknown> {
  const entries = Object.entries(message).filter(([, value]) => value !== null)
  const fields: Record<string, unknown> = Object.fromEntries(entries)
  if (message.role === 'assistant' && message.tool_calls != null) {
    fields.tool_calls = message.tool_calls.map(parseArguments)
  }
  return fields
}

type ToolCall = z.output<typeof toolCall>

/** Templates write arguments with `tojson`, so they get the value and not its text. */
function parseArguments(call: ToolCall): unknown {
  try {
    return {
      ...call,
      function: { ...call.function, arguments: JSON.parse(call.function.arguments) },
    }
  } catch {
    return call
  }
}
