/** Typed arrays that grow: a longer copy, with zeros (or `filler`) behind. */

export function grownInt32(column: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(length)
  grown.set(column)
  return grown
}

export function grownUint8(column: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(length)
  grown.set(column)
  return grown
}

export function grownFloat64(
  column: Float64Array,
  length: number,
  filler = 0,
): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(length)
  grown.set(column)
  if (filler !== 0) grown.fill(filler, column.length)
  return grown
}
