/**
 * A model's tokenizer: text to tokens, tokens to bytes, special tokens. Belongs to its model and
 * must not be used after the model is freed.
 */
import { SputnikError } from '../base/errors.js'
import { llama } from './llama.js'
import { allocateNative, type NativeBuffer, type Pointer, viewNative } from './memory.js'
import { nativeError } from './native-log.js'

/** enum llama_vocab_type */
export const VOCAB_TYPE = { none: 0, spm: 1, bpe: 2, wpm: 3, ugm: 4, rwkv: 5, plamo2: 6, test: 7 }

/** enum llama_token_attr */
const ATTRIBUTE_CONTROL = 1 << 3

export type TokenizeOptions = {
  /** Add BOS and EOS where the model asks for them. */
  readonly addSpecial: boolean
  /** Read the text of control tokens as these tokens. */
  readonly parseSpecial: boolean
}

const PIECE_BYTES = 256

export class Vocab {
  readonly handle: Pointer
  readonly size: number
  readonly type: number
  /** Tokens that end a generation, in rising order. */
  readonly eogTokens: readonly number[]
  readonly #isEog: Uint8Array
  readonly #pieces: Array<Uint8Array | undefined>
  #scratch: NativeBuffer | undefined

  constructor(handle: Pointer) {
    const native = llama()
    this.handle = handle
    this.size = native.vocabSize(handle)
    this.type = native.vocabType(handle)
    this.#isEog = new Uint8Array(this.size)
    this.#pieces = new Array<Uint8Array | undefined>(this.size)
    const eogTokens: number[] = []
    for (let token = 0; token < this.size && this.isUsable; token++) {
      if (!native.vocabIsEog(handle, token)) continue
      this.#isEog[token] = 1
      eogTokens.push(token)
    }
    this.eogTokens = eogTokens
  }

  /** Whether text can become tokens and tokens text; else only token ids work. */
  get isUsable(): boolean {
    return this.type !== VOCAB_TYPE.none && this.type !== VOCAB_TYPE.test
  }

  isEog(token: number): boolean {
    return this.#isEog[token] === 1
  }

  isControl(token: number): boolean {
    return this.isUsable && (llama().vocabAttributes(this.handle, token) & ATTRIBUTE_CONTROL) !== 0
  }

  /** Token that begins a text; -1 when the model has none. */
  get bos(): number {
    return llama().vocabBos(this.handle)
  }

  get eos(): number {
    return llama().vocabEos(this.handle)
  }

  get addsBos(): boolean {
    return llama().vocabAddBos(this.handle)
  }

  /** Tokens that the model file says must never be sampled. */
  suppressedTokens(): Int32Array {
    const count = new Int32Array(1)
    const address = llama().vocabSuppressed(this.handle, count)
    const length = count[0] ?? 0
    if (address === null || length === 0) return new Int32Array(0)
    const bytes = viewNative(address, length * 4)
    return new Int32Array(bytes.buffer, bytes.byteOffset, length).slice()
  }

  /** How a token is written in the vocabulary, for example `<s>`; empty when it is not a token. */
  textOf(token: number): string {
    if (token < 0 || token >= this.size || !this.isUsable) return ''
    return llama().vocabText(this.handle, token) ?? ''
  }

  /** @throws SputnikError BAD_PARAM when the model has no tokenizer */
  tokenize(text: string, options: TokenizeOptions): Int32Array {
    if (!this.isUsable) {
      throw new SputnikError('BAD_PARAM', 'this model has no tokenizer: send token ids', {
        param: 'prompt',
      })
    }
    const bytes = new TextEncoder().encode(text)
    // A token is at least one byte, plus a few that the model adds around the text.
    let tokens = new Int32Array(bytes.length + 16)
    let count = this.#tokenizeInto(bytes, { tokens, ...options })
    if (count < 0 && count > -(2 ** 31)) {
      tokens = new Int32Array(-count)
      count = this.#tokenizeInto(bytes, { tokens, ...options })
    }
    if (count < 0) throw nativeError('NATIVE_FAILED', 'the text cannot be tokenized')
    return tokens.subarray(0, count)
  }

  #tokenizeInto(text: Uint8Array, options: TokenizeOptions & { tokens: Int32Array }): number {
    const { tokens, addSpecial, parseSpecial } = options
    // Native code must not see the address of an empty array.
    const source = text.length === 0 ? new Uint8Array(1) : text
    return llama().tokenize(
      this.handle,
      source,
      text.length,
      tokens,
      tokens.length,
      addSpecial,
      parseSpecial,
    )
  }

  /** Bytes of one token as part of a text: control tokens are empty. Do not change the array. */
  piece(token: number): Uint8Array {
    const known = this.#pieces[token]
    if (known !== undefined) return known
    const piece = this.isUsable ? this.#readPiece(token, false) : placeholder(token)
    this.#pieces[token] = piece
    return piece
  }

  /** Bytes of one token where control tokens are written out. */
  pieceWithSpecial(token: number): Uint8Array {
    return this.isUsable ? this.#readPiece(token, true) : placeholder(token)
  }

  #readPiece(token: number, special: boolean): Uint8Array {
    this.#scratch ??= allocateNative(PIECE_BYTES)
    let scratch = this.#scratch
    let count = this.#pieceInto(token, scratch, special)
    if (count < 0) {
      scratch = allocateNative(-count)
      this.#scratch = scratch
      count = this.#pieceInto(token, scratch, special)
    }
    return scratch.bytes.slice(0, Math.max(count, 0))
  }

  #pieceInto(token: number, scratch: NativeBuffer, special: boolean): number {
    return llama().tokenToPiece(
      this.handle,
      token,
      scratch.address,
      scratch.bytes.length,
      0,
      special,
    )
  }

  /** Text of tokens; bytes that are no UTF-8 become U+FFFD. */
  detokenize(tokens: ArrayLike<number>): string {
    if (!this.isUsable) {
      return Array.from(tokens, (token) => new TextDecoder().decode(placeholder(token))).join('')
    }
    const input = Int32Array.from(tokens)
    if (input.length === 0) return ''
    let text = new Uint8Array(input.length * 8 + 64)
    let count = this.#detokenizeInto(input, text)
    if (count < 0) {
      text = new Uint8Array(-count)
      count = this.#detokenizeInto(input, text)
    }
    return new TextDecoder().decode(text.subarray(0, Math.max(count, 0)))
  }

  #detokenizeInto(tokens: Int32Array, text: Uint8Array): number {
    return llama().detokenize(this.handle, tokens, tokens.length, text, text.length, false, true)
  }
}

/** What stands for a token of a model without a tokenizer. */
function placeholder(token: number): Uint8Array {
  return new TextEncoder().encode(`[${token}]`)
}
