import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TENSOR_TYPES, tensorTypeOf } from '../../src/gguf/types.js'
import { ggml } from '../../src/native/ggml.js'
import { loadLibraries } from '../../src/native/library.js'

/** GGML_TYPE_COUNT of the pinned release. */
const TYPE_COUNT = 43

test('TENSOR_TYPES agrees with ggml on every type', () => {
  loadLibraries()
  const { typeName, blockSize, typeSize } = ggml()
  for (let id = 0; id < TYPE_COUNT; id++) {
    const type = tensorTypeOf(id)
    const blockElements = Number(blockSize(id))
    if (type === undefined) {
      assert.equal(blockElements, 0, `ggml knows ${typeName(id)}`)
      continue
    }
    const known = TENSOR_TYPES[type]
    assert.deepEqual(
      { type, ...known },
      { type: typeName(id), id, blockSize: blockElements, blockBytes: Number(typeSize(id)) },
    )
  }
  assert.equal(Object.keys(TENSOR_TYPES).length, 35)
})
