/**
 * Every bound of the HTTP side in one place. Knows nothing of what is bounded.
 */

/** Bytes of one request body. */
export const BODY_BYTES_MAX = 8 * 1024 * 1024
/** Nesting of arrays and objects in a request body. */
export const JSON_DEPTH_MAX = 32
/** Bytes of a JSON schema or a grammar. */
export const GRAMMAR_BYTES_MAX = 64 * 1024
export const HEADER_BYTES_MAX = 16 * 1024
export const HEADERS_MS = 10_000
export const BODY_MS = 60_000
export const CONNECTIONS_MAX = 4096
/** How long the rest of a refused body is read and dropped, so that the answer arrives. */
export const REFUSED_BODY_MS = 2_000

export const CHOICES_MAX = 8
export const PROMPTS_MAX = 1024
export const MESSAGES_MAX = 10_000
export const STOPS_MAX = 16
export const STOP_BYTES_MAX = 256
export const STOP_TOKENS_MAX = 256
export const LOGIT_BIASES_MAX = 1024
export const TOP_LOGPROBS_MAX = 20

/** Silence after which a stream gets a comment. */
export const PING_MS = 10_000
/** What a stream may hold for a client that does not read. */
export const STREAM_BYTES_MAX = 1024 * 1024
/** A client that reads nothing for so long is cut. */
export const STALL_MS = 60_000
/** Longest wait for a first word of the engine before a stream's headers are sent: early errors
 * get their own status. */
export const EARLY_ERROR_MS = 250

/** How often the fleet is looked at while somebody watches it. */
export const FLEET_POLL_MS = 1_000
/** Silence after which a stream of the fleet gets a comment. */
export const FLEET_PING_MS = 15_000
/** Clients that may watch the fleet at the same time. */
export const FLEET_WATCHERS_MAX = 64
/** How old a list of who holds which expert may be: it is the largest answer of the engine. */
export const FLEET_EXPERTS_MS = 1_000
/** Drains, evictions and pardons that may be with the engine at the same time. */
export const FLEET_CHANGES_MAX = 16

export const TEMPLATE_MS = 200
export const TEMPLATE_BYTES_MAX = 4 * 1024 * 1024
export const TEMPLATE_HEAP_MB = 256
export const TEMPLATE_QUEUE_MAX = 1024

/** Waiting sequences per running one when --max-queue is not given. */
export const QUEUE_PER_SLOT = 4
export const DRAIN_MS = 30_000
