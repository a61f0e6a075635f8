/**
 * Checks what a card is told of a region against itself, before memory is taken: ggml ends the
 * process when shapes do not fit, and a slice longer than its slot would be written over others.
 */
import { SputnikError } from '../base/errors.js'
import type { ExpertRecord, Projection } from '../base/expert.js'
import type { LoadRegion, LoadTensor } from '../fabric/control.js'
import { rowBytes, TENSOR_TYPES, tensorTypeOf } from '../gguf/types.js'

const FLOAT_BYTES = 4

/** The fused matrix kernels take three dimensions for granted, so there are never fewer slots. */
const SLOTS_MIN = 2

/** Beyond any machine's memory, and exact as a number. */
const CARD_BYTES_MAX = 2 ** 46

/** @throws SputnikError FRAME_INVALID */
export function checkRegion(region: LoadRegion, files: number): void {
  const { experts, pages, tensors, slots = pages.length } = region
  check(new Set(pages).size === pages.length, 'names an expert twice', region)
  check(
    pages.every((expert) => expert < experts),
    'names an expert that does not exist',
    region,
  )
  check(slots >= pages.length, 'has fewer slots than pages', region)
  check(slots <= experts, 'has more slots than experts', region)
  check(pages.length === 0 || files > 0, 'has pages and no file', region)
  const parts = tensors.map(({ role, kind }) => `${role} ${kind}`)
  check(new Set(parts).size === parts.length, 'has two tensors of one kind', region)
  for (const tensor of tensors) {
    check(files === 0 || tensor.file < files, 'lies in a file that is not named', tensor)
    check(tensor.sliceBytes === sliceBytes(tensor), 'has slices of another length', tensor)
  }
}

/** Slots to make for a region: none for one that never has pages. */
export function slotCount({ pages, slots = pages.length }: LoadRegion): number {
  return slots === 0 ? 0 : Math.max(SLOTS_MIN, slots)
}

/** Bytes of one page of a region. */
export function pageBytes({ tensors }: LoadRegion): number {
  return tensors.reduce((sum, { sliceBytes }) => sum + sliceBytes, 0)
}

/** @throws SputnikError OUT_OF_MEMORY when no machine could hold the slots of these regions */
export function checkCapacity(regions: readonly LoadRegion[]): void {
  const bytes = regions.reduce((sum, region) => sum + slotCount(region) * pageBytes(region), 0)
  if (bytes <= CARD_BYTES_MAX) return
  throw new SputnikError('OUT_OF_MEMORY', `a card cannot have slots of ${bytes} bytes together`)
}

/** Bytes of one expert as the card stores it; NaN for what it cannot store. */
function sliceBytes({ typeId, kind, shape }: LoadTensor): number {
  const type = tensorTypeOf(typeId)
  const [ne0 = 1, ne1 = 1] = shape
  if (type === undefined) return Number.NaN
  if (kind === 'weight') {
    return ne0 % TENSOR_TYPES[type].blockSize === 0 ? rowBytes(type, ne0 * ne1) : Number.NaN
  }
  if (type !== 'f32') return Number.NaN
  return kind === 'bias' ? FLOAT_BYTES * ne0 : FLOAT_BYTES
}

const ROLES = ['down,gate,up', 'down,up', 'down,gate_up']

/** @throws SputnikError FRAME_INVALID when experts of these tensors cannot compute the record */
export function checkRecord(record: ExpertRecord, region: LoadRegion): void {
  const roles = record.projections.map(({ role }) => role)
  const weights = region.tensors.filter(({ kind }) => kind === 'weight').map(({ role }) => role)
  check(ROLES.includes(roles.toSorted().join()), 'has other projections than experts have', region)
  check(roles.toSorted().join() === weights.toSorted().join(), 'lacks a projection', region)
  for (const projection of record.projections) {
    const { role, hasScale, hasBias } = projection
    const [input, output] = widths(role, record)
    const find = (kind: LoadTensor['kind']) =>
      region.tensors.find((tensor) => tensor.role === role && tensor.kind === kind)
    const [ne0, ne1] = find('weight')?.shape ?? []
    check(ne0 === input && ne1 === output, `has a ${role} weight of another shape`, region)
    check(!hasScale || find('scale') !== undefined, `lacks the ${role} scales`, region)
    check(!hasBias || find('bias')?.shape[0] === output, `lacks the ${role} biases`, region)
  }
  record.activation.forEach((step, index) => {
    const isKnown = operandsOf(step).every((operand) => operand < index + 2)
    check(isKnown, `uses a value before step ${index} makes it`, region)
  })
}

function widths(role: Projection, { nEmbd, nFf, nOut }: ExpertRecord): [number, number] {
  if (role === 'down') return [nFf, nOut]
  return [nEmbd, role === 'gate_up' ? 2 * nFf : nFf]
}

function operandsOf(step: ExpertRecord['activation'][number]): number[] {
  if (step.op === 'glu') return [step.gate, step.up]
  return 'x' in step ? [step.x] : [step.a, step.b]
}

function check(
  condition: boolean,
  what: string,
  where: { readonly layer: number } | { readonly name: string },
): void {
  if (condition) return
  const place = 'layer' in where ? `layer ${where.layer}` : where.name
  throw new SputnikError('FRAME_INVALID', `what the card is told of ${place} ${what}`)
}
