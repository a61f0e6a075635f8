/** Names of ggml's operations, asked once from the library instead of copied from a header. */
import { ggml } from './ggml.js'
import { libraries } from './library.js'

export type OpNames = {
  op(id: number): string
  unary(id: number): string
  glu(id: number): string
  unaryId(name: string): number
  gluId(name: string): number
}

let names: OpNames | undefined

export function opNames(): OpNames {
  names ??= readNames()
  return names
}

function readNames(): OpNames {
  const { base } = libraries()
  const ops = table('GLU', 160, (id) => ggml().opName(id))
  const unaryName = base.func('ggml_unary_op_name', 'str', ['int'])
  const gluName = base.func('ggml_glu_op_name', 'str', ['int'])
  const unary = table('TRUNC', 64, (id) => String(unaryName(id)))
  const glu = table('SWIGLU_CLAMP', 32, (id) => String(gluName(id)))
  return {
    op: (id) => ops[id] ?? 'UNKNOWN',
    unary: (id) => unary[id] ?? 'UNKNOWN',
    glu: (id) => glu[id] ?? 'UNKNOWN',
    unaryId: (name) => unary.indexOf(name),
    gluId: (name) => glu.indexOf(name),
  }
}

/** The C tables have no bounds check, so reading stops at the last known name. */
function table(last: string, limit: number, name: (id: number) => string): string[] {
  const found: string[] = []
  for (let id = 0; id < limit; id++) {
    const text = name(id)
    found.push(text)
    if (text === last) break
  }
  return found
}
