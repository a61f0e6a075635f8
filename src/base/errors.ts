/**
 * Every error a person or a client can see: one table of code, HTTP status, text and fix.
 * Knows nothing of who throws them.
 */

type ErrorEntry = {
  /** HTTP status when the error reaches a client. */
  readonly status: number
  /** OpenAI error `type`. */
  readonly type: 'invalid_request_error' | 'authentication_error' | 'server_error' | 'rate_limit'
  /** Exit status of a command that ends with it: 1 failure, 2 usage, 3 not found, 6 no fit. */
  readonly exit: number
  /** What a person can do about it; `{name}` parts are filled from `details`. */
  readonly fix: string
}

const server = (exit: number, fix: string): ErrorEntry => ({
  status: 500,
  type: 'server_error',
  exit,
  fix,
})
const request = (status: number, fix: string): ErrorEntry => ({
  status,
  type: 'invalid_request_error',
  exit: 2,
  fix,
})
const busy = (status: number, fix: string): ErrorEntry => ({
  status,
  type: status === 429 ? 'rate_limit' : 'server_error',
  exit: 1,
  fix,
})

export const ERRORS = {
  // Native libraries
  LIBRARY_MISSING: server(1, 'Run `npm install {package}` beside sputnik, or `sputnik doctor`.'),
  LIBRARY_MISMATCH: server(1, 'Install exactly {package}; struct layouts belong to one release.'),
  NATIVE_FAILED: server(1, 'Run again with --log-level debug and read the native log above it.'),
  OUT_OF_MEMORY: server(6, 'Lower --ctx or --parallel, use --kv-type q8_0, or add cards.'),

  // Model files
  FILE_NOT_FOUND: server(3, 'Check the path; a model is a .gguf file.'),
  FILE_UNREADABLE: server(1, 'Check the permissions of the file and its folder.'),
  GGUF_INVALID: server(1, 'Download the file again and compare its checksum with the source.'),
  GGUF_LIMIT: server(1, 'No known model needs this; do not trust the file.'),
  MODEL_UNSUPPORTED: server(1, 'Use an architecture that `sputnik inspect` reports as supported.'),
  MODEL_DENSE: server(2, 'Serve it without cards: `--cards 0`.'),
  REGION_UNKNOWN: server(1, 'Serve it with `--cards 0` and report the architecture.'),
  PLATFORM_UNSUPPORTED: server(1, 'Use `--cards 0` on this system.'),
  NODE_UNSUPPORTED: server(1, 'Use a build of Node.js from nodejs.org; OpenSSL is part of it.'),
  CARD_FAILED: server(1, 'Look at the log above for the reason the card gave.'),
  CARD_LOST: server(1, 'The pages of the lost card could not be loaded again; see the log.'),
  PLAN_DOES_NOT_FIT: server(6, 'Change the fleet as the text says, or take another model.'),
  PLACEMENT_FULL: server(6, 'Add a domain, lend more memory, or lower --replicas.'),
  PAGES_LOST: server(1, 'Start the domains that held the pages again, or give the head cards.'),
  FLEET_FULL: server(1, 'Let some domains leave before others join.'),
  FRAME_INVALID: server(1, 'Both ends must run the same sputnik version.'),

  // Pages
  MANIFEST_INVALID: server(1, 'Both ends must run the same sputnik version; start them again.'),
  PAGE_UNAVAILABLE: busy(503, 'Give a source that has it: the model file, a peer or a URL.'),
  PAGE_CORRUPT: server(1, 'Replace the damaged copy; its bytes are not those of the manifest.'),
  CARD_FULL: server(6, 'Unmap pages of that region first, or give the card more slots.'),
  CARD_BUSY: busy(503, 'Wait until the card has answered the maps it was sent before.'),
  PAGE_MAPPED: server(1, 'Nothing to do: the card has the page already.'),
  PAGE_NOT_MAPPED: server(1, 'Nothing to do: the head asks who has the page now.'),
  PAGE_STORE_FULL: server(6, 'Give the page store more room or the domain fewer pages.'),
  SOURCE_FAILED: server(1, 'Check the address and the server behind it, then try again.'),

  // Joining a fleet
  PLAIN_REFUSED: server(2, 'Use an encrypted link; plain text is for 127.0.0.1 and ::1 only.'),
  PEER_UNREACHABLE: server(1, 'Check host and port, the firewall, and whether the head runs.'),
  PEER_REFUSED: server(1, 'Both ends must run the same sputnik version.'),
  LINK_TIMEOUT: server(1, 'Check the network between the two machines and try again.'),
  HEAD_MISMATCH: server(1, 'Check the address, or make a new join key on the head that is there.'),
  HEAD_NOT_READY: server(1, 'Wait: the head still reads its model; joining is tried again.'),
  JOIN_KEY_INVALID: server(2, 'Copy the whole line that `sputnik token create` printed.'),
  JOIN_KEY_UNKNOWN: server(4, 'Make a join key with `sputnik token create` on the head.'),
  JOIN_KEY_EXPIRED: server(4, 'Make another with `sputnik token create --ttl 24h` on the head.'),
  JOIN_KEY_USED: server(4, 'Make a join key for each node, or one with --uses, on the head.'),
  JOIN_KEY_REQUIRED: server(4, 'Make a join key with `sputnik token create` on the head.'),
  JOIN_KEYS_FULL: server(1, 'Remove some with `sputnik token revoke <id>`.'),
  JOIN_REFUSED: server(1, 'Run the same sputnik version on both machines.'),
  NODE_EVICTED: server(4, 'Join with a join key made on the head after the eviction.'),
  NODE_KEPT_OUT: server(4, 'Mend what ends its link again and again; it is let in by itself then.'),
  MODEL_MISMATCH: server(1, 'Use the model file that the head serves, or name none.'),
  PROTOCOL_MISMATCH: server(1, 'Run the same sputnik version on both machines.'),
  STATE_UNWRITABLE: server(1, 'Set XDG_STATE_HOME to a folder you may write to.'),
  STATE_INVALID: server(1, 'Move the file {path} away; it is made anew.'),

  // Looking at a fleet
  FLEET_OFF: request(404, 'Start the head with `sputnik serve --fleet-listen <host:port>`.'),
  FLEET_WATCHERS_FULL: busy(429, 'Close another `sputnik fleet top`, or ask for GET /v1/fleet.'),
  FLEET_BUSY: busy(429, 'Try again when the other changes of the fleet are done.'),
  NODE_UNKNOWN: {
    status: 404,
    type: 'invalid_request_error',
    exit: 3,
    fix: 'See the names and ids of the nodes with `sputnik fleet ls`.',
  },
  NODE_AMBIGUOUS: request(409, 'Name it by its id, as `sputnik fleet ls` shows it.'),
  NODE_OWN: request(
    409,
    'Only nodes that joined can be changed; start the head with fewer --cards.',
  ),
  NODE_AWAY: request(409, 'Nothing to move: it holds no pages while it is away.'),
  NODE_NOT_OUT: request(409, 'Nothing to do: the node may work.'),
  DRAIN_STALLED: server(1, 'Let other domains lend more memory, or `sputnik fleet pardon` it.'),
  DRAIN_ENDED: server(1, 'See `sputnik fleet top` for what happened to it.'),
  SERVER_UNREACHABLE: server(1, 'Check --url, and whether `sputnik serve` runs there.'),
  SERVER_STRANGE: server(1, 'Check --url: it must be the address of `sputnik serve`.'),
  SERVER_KEY_REFUSED: server(4, 'Give a key of the server with --api-key or SPUTNIK_API_KEY.'),

  // Commands
  USAGE: { status: 400, type: 'invalid_request_error', exit: 2, fix: 'See --help.' },
  PORT_IN_USE: server(1, 'Stop the other program or choose another port with --port.'),
  MACHINE_UNFIT: server(1, 'Do what is said beside each problem.'),
  CACHE_UNWRITABLE: server(1, 'Set XDG_CACHE_HOME to a folder you may write to.'),
  DEMO_FAILED: server(1, 'Run `sputnik doctor`, then the demo again with --log-level debug.'),
  NO_API_KEY: server(2, 'Add --api-key, or bind to 127.0.0.1.'),
  VERIFY_FAILED: server(1, 'The outputs differ by more than the tolerance; please report it.'),
  OUTPUT_UNWRITABLE: server(1, 'Give a path in a folder you may write to, on a disk with room.'),
  EXPERIMENT_UNFIT: server(2, 'To mend it, {remedy}.'),
  TRACE_INVALID: server(2, 'Correct line {line}; `sputnik sim serving --help` shows a line.'),
  SIM_TOO_LARGE: server(6, 'Simulate fewer or shorter flows, or a smaller network.'),

  // Planning
  CARD_UNKNOWN: server(3, 'See the names with `sputnik cards`.'),
  SEARCH_INVALID: server(2, 'Give as `{field}` {expected}.'),
  PRICE_UNKNOWN: server(
    2,
    'Give `price` of the card, or `rent` of all machines, in the fleet file.',
  ),
  MODEL_UNKNOWN: server(3, 'Give a .gguf file, a config.json, or one of: {available}.'),
  MODEL_SHAPE: server(1, 'Plan with a model by name; `sputnik plan --help` lists them.'),
  FLEET_UNKNOWN: server(3, 'Give a file (.yaml or .json), or one of: {available}.'),
  WORKLOAD_UNKNOWN: server(3, 'Give a file (.yaml or .json), or one of: {available}.'),
  PLAN_INVALID: server(2, 'Correct the field; docs/fleet-file.md and docs/sim.md describe them.'),
  RACK_UNKNOWN: server(3, 'Compare with one of: {racks}.'),

  // Requests
  BAD_JSON: request(400, 'Send one JSON object with Content-Type: application/json.'),
  BAD_PARAM: request(400, 'Correct the parameter `{param}`.'),
  UNSUPPORTED_PARAM: request(400, 'Remove the parameter `{param}`; sputnik does not support it.'),
  BAD_REQUEST: request(400, 'Send a well-formed HTTP/1.1 request.'),
  REQUEST_TIMEOUT: request(408, 'Send the whole request within the time limit.'),
  HEADERS_TOO_LARGE: request(431, 'Send at most 16 KiB of headers.'),
  BODY_TOO_LARGE: request(413, 'Send at most {max} bytes.'),
  CONTEXT_TOO_LONG: request(400, 'Shorten the prompt or start the server with a larger --ctx.'),
  BAD_GRAMMAR: request(400, 'Correct the grammar or the JSON schema.'),
  TEMPLATE_FAILED: request(400, 'The chat template of the model refused these messages.'),
  MODEL_NOT_FOUND: request(404, 'Ask for one of: {available}.'),
  NOT_FOUND: request(404, 'See the README for the list of endpoints.'),
  METHOD_NOT_ALLOWED: request(405, 'Use {allowed}.'),
  UNAUTHORIZED: {
    status: 401,
    type: 'authentication_error',
    exit: 4,
    fix: 'Send the header `Authorization: Bearer <key>`.',
  },
  FORBIDDEN: {
    status: 403,
    type: 'authentication_error',
    exit: 4,
    fix: 'Call the server as localhost, or start it with --api-key.',
  },
  QUEUE_FULL: busy(429, 'Try again after the time in Retry-After.'),
  NOT_READY: busy(503, 'Wait for /ready; the model is still loading.'),
  SHUTTING_DOWN: busy(503, 'The server is stopping; try another one.'),
  ENGINE_LOST: busy(503, 'The engine process ended and is being restarted; try again.'),
  CANCELLED: busy(499, 'The client went away.'),
  INTERNAL: server(1, 'This is a defect of sputnik; please report it with the log.'),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

export type ErrorDetails = Readonly<Record<string, string | number>>

/** The one error class: `code` is stable, `message` says what failed, `fix` says what to do. */
export class SputnikError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'SputnikError'
    this.code = code
    this.details = details
  }

  get entry(): ErrorEntry {
    return ERRORS[this.code]
  }

  get fix(): string {
    return this.entry.fix.replace(/\{(\w+)\}/g, (whole, name: string) =>
      name in this.details ? String(this.details[name]) : whole,
    )
  }
}

/** A form that survives a process boundary. */
export type PlainError = {
  readonly code: ErrorCode
  readonly message: string
  readonly details: ErrorDetails
}

export function toPlain(error: unknown): PlainError {
  if (error instanceof SputnikError) {
    return { code: error.code, message: error.message, details: error.details }
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { code: 'INTERNAL', message, details: {} }
}

export function fromPlain(plain: PlainError): SputnikError {
  return new SputnikError(plain.code, plain.message, plain.details)
}

/** For people, short: the message of an error, without its stack. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The `code` of a system error. */
export function codeOf(error: unknown): string | undefined {
  const hasCode = error instanceof Error && 'code' in error && typeof error.code === 'string'
  return hasCode ? String(error.code) : undefined
}
