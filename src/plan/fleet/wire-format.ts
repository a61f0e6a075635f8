/** How activations travel between head and domains, by name. Knows nothing of who sends them. */

/** Bytes of one activation, scales included (src/fabric/encoding.ts; fp8 is what racks send). */
export const WIRE_BYTES = { f32: 4, bf16: 2, fp8: 1, q8_0: 34 / 32 } as const

export type WireFormat = keyof typeof WIRE_BYTES

export const WIRE_FORMATS = ['f32', 'bf16', 'fp8', 'q8_0'] as const satisfies WireFormat[]

/** Out and back. */
export type Wire = { readonly dispatch: WireFormat; readonly combine: WireFormat }

export function wireBytes({ dispatch, combine }: Wire): {
  readonly dispatchBytesPerValue: number
  readonly combineBytesPerValue: number
} {
  return {
    dispatchBytesPerValue: WIRE_BYTES[dispatch],
    combineBytesPerValue: WIRE_BYTES[combine],
  }
}
