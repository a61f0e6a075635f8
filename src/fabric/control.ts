/**
 * Control messages as JSON in frames: what a card must load, what its experts compute, how it goes.
 * Everything a card is told is checked here against fixed shapes and bounds.
 */
import { z } from 'zod'
import { ERRORS, type ErrorCode, SputnikError } from '../base/errors.js'
import {
  ACTIVATION_STEPS_MAX,
  GLU_FUNCTIONS,
  PROJECTIONS,
  UNARY_FUNCTIONS,
} from '../base/expert.js'
import { type NativeBuffer, nativeViews } from '../native/memory.js'
import { FRAME, type FrameHeader, type FrameKind, HEADER_BYTES, writeHeader } from './frame.js'

const count = (max: number) => z.int().min(0).max(max)
const size = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const group = z.enum(['', 'ch'])
const path = z.string().max(4096)
const EXPERTS_MAX = 1024
const LAYERS_MAX = 4096
const WIDTH_MAX = 1 << 20

export const helloSchema = z.object({
  protocol: count(0xffff),
  pid: size,
  device: z.string().max(256),
  /** Memory of the device that nothing uses yet; a card knows it, a domain has several. */
  freeBytes: size.optional(),
})

const tensorSchema = z.object({
  name: z.string().max(64),
  role: z.enum(PROJECTIONS),
  kind: z.enum(['weight', 'bias', 'scale']),
  typeId: count(255),
  shape: z
    .array(
      z
        .int()
        .min(1)
        .max(1 << 30),
    )
    .min(1)
    .max(4),
  sliceBytes: size,
  file: count(1023),
  offset: size,
})

export const loadSchema = z.object({
  /** None when all pages come with `map` frames, each from a file of its own. */
  files: z.array(path).max(1024),
  device: z.string().max(64),
  threads: z.int().min(1).max(512),
  /**
   * One entry per set of experts; `pages` are the experts this card begins with, `slots` is how
   * many it has room for (as many as it begins with when left out).
   */
  regions: z
    .array(
      z.object({
        layer: count(LAYERS_MAX),
        group,
        experts: z.int().min(1).max(EXPERTS_MAX),
        tensors: z.array(tensorSchema).min(1).max(16),
        pages: z.array(count(EXPERTS_MAX - 1)).max(EXPERTS_MAX),
        slots: count(EXPERTS_MAX).optional(),
      }),
    )
    .max(2 * LAYERS_MAX),
})

/** Most pages of one `map` or `unmap` frame. */
export const MAP_PAGES_MAX = 1024

const pagesSchema = z
  .array(z.object({ region: count(2 * LAYERS_MAX - 1), expert: count(EXPERTS_MAX - 1) }))
  .min(1)
  .max(MAP_PAGES_MAX)

/**
 * `sources`, when there, has an entry per page: the file in which the page's tensors lie one after
 * the other from an offset on, in the order of the region's tensors; null: in the model's files.
 */
export const mapSchema = z.object({
  id: size,
  pages: pagesSchema,
  sources: z
    .array(z.object({ file: path, offset: size }).nullable())
    .max(MAP_PAGES_MAX)
    .optional(),
})

export const unmapSchema = z.object({ id: size, pages: pagesSchema })

/** Pages a domain had mapped and has no more, though nobody asked it to unmap them. */
export const goneSchema = z.object({ pages: pagesSchema })

/** Most cards of one domain. */
export const CARDS_MAX = 64

/**
 * What the card holds now that the `map` or `unmap` of that id is done. A domain also says of a
 * `map` which of its cards has each page, in the order of the pages.
 */
export const mappedSchema = z.object({
  id: size,
  pages: size,
  bytes: size,
  cards: z
    .array(count(CARDS_MAX - 1))
    .max(MAP_PAGES_MAX)
    .optional(),
})

/** Either end of a clamp may be open. */
const bound = z.union([z.number(), z.literal(Infinity), z.literal(-Infinity)])
const operand = count(ACTIVATION_STEPS_MAX + 1)
const stepSchema = z.discriminatedUnion('op', [
  z.object({ op: z.literal('unary'), fn: z.enum(UNARY_FUNCTIONS), x: operand }),
  z.object({
    op: z.literal('glu'),
    fn: z.enum(GLU_FUNCTIONS),
    gate: operand,
    up: operand,
    alpha: z.number(),
    limit: z.number(),
  }),
  z.object({ op: z.enum(['mul', 'add']), a: operand, b: operand }),
  z.object({ op: z.literal('sqr'), x: operand }),
  z.object({ op: z.literal('scale'), x: operand, scale: z.number(), bias: z.number() }),
  z.object({ op: z.literal('clamp'), x: operand, min: bound, max: bound }),
])

const recordSchema = z.object({
  layer: count(LAYERS_MAX),
  group,
  nEmbd: z.int().min(1).max(WIDTH_MAX),
  nOut: z.int().min(1).max(WIDTH_MAX),
  nFf: z.int().min(1).max(WIDTH_MAX),
  nExpert: z.int().min(1).max(EXPERTS_MAX),
  nUsed: z.int().min(1).max(EXPERTS_MAX),
  projections: z
    .array(
      z.object({
        role: z.enum(PROJECTIONS),
        hasScale: z.boolean(),
        hasBias: z.boolean(),
        precision: z.tuple([count(255), count(255)]),
      }),
    )
    .min(2)
    .max(3),
  activation: z.array(stepSchema).max(ACTIVATION_STEPS_MAX),
  weights: z.enum(['before', 'after', 'none']),
})

export const recordsSchema = z.object({ records: z.array(recordSchema).max(2 * LAYERS_MAX) })

export const progressSchema = z.object({ pages: size, bytes: size })

/** Measured times of one card, see `statusSchema`. */
export const SPEED_POINTS_MAX = 8

/** What a domain holds, after changes and a few times a second at most. */
export const statusSchema = z.object({
  pages: size,
  bytes: size,
  cards: z
    .array(
      z.object({
        device: z.string().min(1).max(128),
        /** Of its memory. */
        tier: z.enum(['device', 'host']),
        pages: size,
        bytes: size,
        /** Of pages it can hold in all; 0 while the card does not come back. */
        memoryBytes: size,
        /** Microseconds of a (token, expert) pair, by tokens of one expert; none until measured. */
        points: z
          .array(z.object({ tokens: count(0xffff), usPerPair: z.number().min(0).max(1e12) }))
          .max(SPEED_POINTS_MAX),
      }),
    )
    .max(CARDS_MAX),
  /** `disk`: pages that are ready to be mapped and in no slot. */
  tierBytes: z.object({ device: size, host: size, disk: size }),
  /** Pages whose bytes were wrong wherever they came from, so far. */
  badPages: size,
})

export const failedSchema = z.object({
  code: z.enum(Object.keys(ERRORS) as ErrorCode[]),
  message: z.string().max(65536),
  details: z.record(z.string().max(64), z.union([z.string().max(4096), z.number()])),
  /** Of the `map` or `unmap` that failed; without one, what failed is whatever was asked last. */
  id: size.optional(),
})

export type DomainStatus = z.infer<typeof statusSchema>
export type Hello = z.infer<typeof helloSchema>
export type Load = z.infer<typeof loadSchema>
export type LoadRegion = Load['regions'][number]
export type LoadTensor = z.infer<typeof tensorSchema>
export type Progress = z.infer<typeof progressSchema>
export type MapRequest = z.infer<typeof mapSchema>
export type UnmapRequest = z.infer<typeof unmapSchema>
type Failed = z.infer<typeof failedSchema>
/** How a `map` or `unmap` ended; after an error the other end has the pages it had before. */
export type MapAnswer = { readonly id: number; readonly error?: SputnikError }

export type PageAt = MapRequest['pages'][number]
/** Where a page lies when not in the model's files. */
export type PageSource = NonNullable<NonNullable<MapRequest['sources']>[number]>

/** JSON has no infinity, but a clamp may be open on one side. */
const OPEN = { Infinity: 'inf', '-Infinity': '-inf' } as const

/** The dispatch that a `failed` frame answers; `tokens` is 0 when it answers none. */
export type About = Pick<FrameHeader, 'region' | 'step' | 'attempt' | 'tokens'>

const ABOUT_NOTHING: About = { region: 0, step: 0, attempt: 0, tokens: 0 }

/** A whole frame around a JSON message, in memory that goes with the last reference to it. */
export function controlFrame(
  kind: FrameKind,
  message: unknown,
  { region, step, attempt, tokens }: About = ABOUT_NOTHING,
): NativeBuffer {
  // Looking at every value takes its time, and only records have such values.
  const text = kind === FRAME.records ? JSON.stringify(message, openBound) : JSON.stringify(message)
  const payload = new TextEncoder().encode(text)
  const frame = nativeViews(new Uint8Array(new ArrayBuffer(HEADER_BYTES + payload.length)))
  writeHeader(frame.view, {
    payloadBytes: payload.length,
    kind,
    encoding: 0,
    region,
    step,
    attempt,
    tokens,
    computeUs: 0,
  })
  frame.bytes.set(payload, HEADER_BYTES)
  return frame
}

function openBound(_: string, value: unknown): unknown {
  return value === Infinity ? OPEN.Infinity : value === -Infinity ? OPEN['-Infinity'] : value
}

/** @throws SputnikError FRAME_INVALID */
export function readControl<T>(frame: Uint8Array, schema: z.ZodType<T>): T {
  const text = new TextDecoder().decode(frame.slice(HEADER_BYTES))
  const result = schema.safeParse(parseJson(text))
  if (result.success) return result.data
  const [issue] = result.error.issues
  const place = issue?.path.join('.') || 'the whole'
  throw new SputnikError('FRAME_INVALID', `a control message is wrong: ${place}: ${issue?.message}`)
}

/** The error a card reported, under its own code. @throws SputnikError FRAME_INVALID */
export function readFailure(frame: Uint8Array, card: number): SputnikError {
  return failureOf(readControl(frame, failedSchema), card)
}

/** Why a head lets a domain go. @throws SputnikError FRAME_INVALID */
export function readFarewell(frame: Uint8Array): SputnikError {
  const { code, message, details } = readControl(frame, failedSchema)
  return new SputnikError(code, `the head says: ${message}`, details)
}

/** The id and the error of a `map` or `unmap` that failed; undefined when something else did. */
export function readMapFailure(frame: Uint8Array, card: number): Required<MapAnswer> | undefined {
  const failed = readControl(frame, failedSchema)
  return failed.id === undefined ? undefined : { id: failed.id, error: failureOf(failed, card) }
}

function failureOf({ code, message, details }: Failed, card: number): SputnikError {
  return new SputnikError(code, `card ${card}: ${message}`, details)
}

function parseJson(text: string): unknown {
  try {
    if (!text.includes('inf"')) return JSON.parse(text)
    return JSON.parse(text, (key, value: unknown) => {
      if (key !== 'min' && key !== 'max') return value
      return value === 'inf' ? Infinity : value === '-inf' ? -Infinity : value
    })
  } catch (cause) {
    throw new SputnikError('FRAME_INVALID', 'a control message is not JSON', {}, cause)
  }
}
