/** `sputnik inspect`: what a model file holds and how it would be spread. Reads the header only. */

import { Command } from 'commander'
import { EXPERT_TENSOR } from '../base/expert.js'
import { formatBytes } from '../base/units.js'
import type { PageMap } from '../gguf/pages.js'
import { mapPages } from '../gguf/pages.js'
import type { GgufModel } from '../gguf/reader.js'
import { openGguf } from '../gguf/reader.js'
import type { TensorType } from '../gguf/types.js'
import { bundledModel, MODEL_HELP } from './bundled-model.js'

type TypeShare = {
  readonly type: TensorType
  readonly tensors: number
  readonly trunkBytes: number
  readonly expertBytes: number
}

/** The output of `--json`. */
export type Inspection = {
  readonly path: string
  readonly architecture: string
  readonly name: string | null
  readonly files: readonly { path: string; bytes: number }[]
  readonly bytes: number
  readonly types: readonly TypeShare[]
  readonly layers: { total: number; dense: number; moe: number }
  readonly experts: { perLayer: number; used: number; pages: number }
  readonly trunkBytes: number
  readonly expertBytes: number
  readonly pageBytes: { min: number; max: number }
  readonly contextLength: number | null
  readonly embeddingLength: number | null
  readonly tokenizer: { model: string | null; pre: string | null; tokens: number }
  readonly chatTemplate: boolean
}

export function inspectCommand(): Command {
  return new Command('inspect')
    .description(
      'Show what a model holds: layers, experts, bytes of trunk and of experts, page size',
    )
    .argument('[model]', MODEL_HELP)
    .option('--json', 'print one JSON object')
    .action((path: string | undefined, options: { json?: boolean }) => {
      process.stdout.write(inspect(path ?? bundledModel(), { json: options.json === true }))
    })
}

/** The text that the command prints. */
export function inspect(path: string, { json }: { json: boolean }): string {
  const inspection = inspectModel(path)
  return json ? `${JSON.stringify(inspection, null, 2)}\n` : formatInspection(inspection)
}

export function inspectModel(path: string): Inspection {
  const model = openGguf(path)
  const pages = mapPages(model)
  return {
    path: model.path,
    architecture: model.architecture,
    name: model.getString('general.name') ?? null,
    files: model.files.map((file) => ({ path: file.path, bytes: file.sizeBytes })),
    bytes: model.files.reduce((sum, file) => sum + file.sizeBytes, 0),
    types: typeShares(model),
    ...describeExperts(pages),
    contextLength: model.getModelNumber('context_length') ?? null,
    embeddingLength: model.getModelNumber('embedding_length') ?? null,
    tokenizer: {
      model: model.getString('tokenizer.ggml.model') ?? null,
      pre: model.getString('tokenizer.ggml.pre') ?? null,
      tokens: model.arrayLength('tokenizer.ggml.tokens'),
    },
    chatTemplate: model.metadata.has('tokenizer.chat_template'),
  }
}

function describeExperts(pages: PageMap) {
  const moe = new Set(pages.layers.map((layer) => layer.layer)).size
  return {
    layers: { total: pages.layerCount, dense: Math.max(0, pages.layerCount - moe), moe },
    experts: {
      perLayer: pages.expertCount,
      used: pages.expertUsed,
      pages: pages.pageCount,
    },
    trunkBytes: pages.trunkBytes,
    expertBytes: pages.expertBytes,
    pageBytes: { min: pages.pageBytesMin, max: pages.pageBytesMax },
  }
}

/** Largest share first. */
function typeShares(model: GgufModel): TypeShare[] {
  const shares = new Map<TensorType, TypeShare>()
  for (const { name, type, bytes } of model.tensors.values()) {
    const share = shares.get(type) ?? { type, tensors: 0, trunkBytes: 0, expertBytes: 0 }
    const isExpert = EXPERT_TENSOR.test(name)
    shares.set(type, {
      type,
      tensors: share.tensors + 1,
      trunkBytes: share.trunkBytes + (isExpert ? 0 : bytes),
      expertBytes: share.expertBytes + (isExpert ? bytes : 0),
    })
  }
  const total = (share: TypeShare): number => share.trunkBytes + share.expertBytes
  return [...shares.values()].sort((a, b) => total(b) - total(a))
}

function formatInspection(inspection: Inspection): string {
  const rows: [string, string][] = [
    ['model', inspection.name ?? '(unnamed)'],
    ['architecture', inspection.architecture],
    ['files', `${inspection.files.length} (${formatBytes(inspection.bytes)})`],
    ['context', inspection.contextLength === null ? '?' : `${inspection.contextLength} tokens`],
    ['width', String(inspection.embeddingLength ?? '?')],
    ['layers', formatLayers(inspection)],
    ['experts', formatExperts(inspection)],
    ['trunk', formatShare(inspection.trunkBytes, inspection)],
    ['expert pages', formatPages(inspection)],
    ['tokenizer', formatTokenizer(inspection)],
    ['chat template', inspection.chatTemplate ? 'yes' : 'no'],
  ]
  const lines = rows.map(([label, text]) => `${label.padEnd(15)}${text}`)
  return `${[...lines, '', ...formatTypes(inspection)].join('\n')}\n`
}

function formatLayers({ layers }: Inspection): string {
  return `${layers.total} (${layers.moe} MoE, ${layers.dense} dense)`
}

function formatExperts({ experts, layers }: Inspection): string {
  if (layers.moe === 0) return 'none: a dense model'
  return `${experts.perLayer} per layer, ${experts.used} used per token`
}

function formatPages(inspection: Inspection): string {
  const { experts, expertBytes, pageBytes } = inspection
  if (experts.pages === 0) return 'none'
  const { min, max } = pageBytes
  const size = min === max ? formatBytes(max) : `${formatBytes(min)} to ${formatBytes(max)}`
  return `${formatShare(expertBytes, inspection)}: ${experts.pages} pages of ${size}`
}

function formatShare(bytes: number, { trunkBytes, expertBytes }: Inspection): string {
  const share = (100 * bytes) / Math.max(1, trunkBytes + expertBytes)
  return `${formatBytes(bytes)} (${share.toFixed(1)} %)`
}

function formatTokenizer({ tokenizer }: Inspection): string {
  if (tokenizer.model === null) return 'none'
  const kind = tokenizer.pre === null ? tokenizer.model : `${tokenizer.model}/${tokenizer.pre}`
  return `${kind}, ${tokenizer.tokens} tokens`
}

function formatTypes({ types }: Inspection): string[] {
  const cells = (parts: string[]): string => {
    const [first = '', ...others] = parts
    return first.padEnd(15) + others.map((part) => part.padStart(12)).join('')
  }
  return [
    cells(['type', 'tensors', 'trunk', 'experts']),
    ...types.map((share) =>
      cells([
        share.type,
        String(share.tensors),
        formatBytes(share.trunkBytes),
        formatBytes(share.expertBytes),
      ]),
    ),
  ]
}
