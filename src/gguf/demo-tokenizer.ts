/**
 * A byte-level BPE vocabulary made from a list of common English words: it encodes and decodes any
 * text, and common words take one token. Knows nothing of models.
 */

import type { Metadata } from './encode-header.js'

const WORDS = `the of and to in is you that it he was for on are with as his they be at one have this
from or had by hot but some what there we can out other were all your when up use word how said an
each she which do their time if will way about many then them would write like so these her long
make thing see him two has look more day could go come did my sound no most number who over know
water than call first people may down side been now find any new work part take get place made live
where after back little only round man year came show every good me give our under name very through
just form much great think say help low line before turn cause same mean differ move right boy old
too does tell sentence set three want air well also play small end put home read hand port large
spell add even land here must big high such follow act why ask men change went light kind off need
house picture try us again animal point mother world near build self earth father head stand own
page should country found answer school grow study still learn plant cover food sun four thought let
keep eye never last door between city tree cross since hard start might story saw far sea draw left
late run while press close night real life few stop open seem together next white children begin got
walk example ease paper often always music those both mark book letter until mile river car feet
care second group carry took rain eat room friend began idea fish mountain north once base hear horse
cut sure watch color face wood main enough plain girl usual young ready above ever red list though
feel talk bird soon body dog family direct pose leave song measure state product black short numeral
class wind question happen complete ship area half rock order fire south problem piece told knew
pass farm top whole king size heard best hour better true during hundred remember step early hold
west ground interest reach fast five sing listen six table travel less morning ten simple several
vowel toward war lay against pattern slow center love person money serve appear road map science
rule govern pull cold notice voice fall power town fine certain fly unit lead cry dark machine note
wait plan figure star box noun field rest correct able pound done beauty drive stood contain front
teach week final gave green quick develop sleep warm free minute strong special mind behind clear
tail produce fact street inch nothing course stay wheel full force blue object decide surface deep
moon island foot yet busy test record boat common gold possible plane age dry wonder laugh thousand
ago ran check game shape yes cool miss brought heat snow bed bring sit perhaps fill east weight
language among model expert token card layer page fleet attention network memory compute server`

const SUFFIXES = [
  'ing',
  'ed',
  'er',
  'ly',
  'tion',
  'ment',
  'ness',
  'able',
  'ous',
  'ive',
  'ful',
  'est',
]

const CONSONANTS = [...'bcdfghklmnprstvz']
const VOWELS = [...'aeiou']

/** They come last, after any padding. */
const SPECIALS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<think>', '</think>'] as const

/** `enum llama_token_type`: control tokens are never printed, the think tags are. */
const TOKEN_TYPE = { normal: 1, control: 3, userDefined: 4 } as const

const CHAT_TEMPLATE = `{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}`

/**
 * Tokenizer metadata with `size` tokens, or as many as the words give. Tokens beyond those are made
 * of syllables that no text encodes to, so that random output still reads as text.
 */
export function demoTokenizer(size?: number): Metadata {
  const { tokens, merges } = buildVocabulary()
  const normal = size === undefined ? tokens : pad(tokens, size - SPECIALS.length)
  const all = [...normal, ...SPECIALS]
  const id = (text: (typeof SPECIALS)[number]) =>
    ({ type: 'u32', value: all.indexOf(text) }) as const
  return {
    'tokenizer.ggml.model': { type: 'str', value: 'gpt2' },
    'tokenizer.ggml.pre': { type: 'str', value: 'qwen2' },
    'tokenizer.ggml.tokens': { type: 'array', of: 'str', value: all },
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', value: all.map(tokenType) },
    'tokenizer.ggml.merges': { type: 'array', of: 'str', value: merges },
    'tokenizer.ggml.bos_token_id': id('<|endoftext|>'),
    'tokenizer.ggml.eos_token_id': id('<|im_end|>'),
    'tokenizer.ggml.padding_token_id': id('<|endoftext|>'),
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: false },
    'tokenizer.chat_template': { type: 'str', value: CHAT_TEMPLATE },
  }
}

/** Tokens of `demoTokenizer()` without a size. */
export function demoVocabularySize(): number {
  return buildVocabulary().tokens.length + SPECIALS.length
}

function tokenType(text: string): number {
  if (!SPECIALS.some((special) => special === text)) return TOKEN_TYPE.normal
  return text.includes('|') ? TOKEN_TYPE.control : TOKEN_TYPE.userDefined
}

/** Each word gives the merges that build it from left to right, shared prefixes once. */
function buildVocabulary(): { tokens: string[]; merges: string[] } {
  const letters = byteLetters()
  const tokens = new Set(letters)
  const merges = new Set<string>()
  const space = letters[32] ?? ''
  const words = WORDS.split(/\s+/)
  const texts = [...words.map((word) => space + word), ...words, ...SUFFIXES]
  for (const text of texts) {
    for (let end = 2; end <= text.length; end++) {
      merges.add(`${text.slice(0, end - 1)} ${text.slice(end - 1, end)}`)
      tokens.add(text.slice(0, end))
    }
  }
  return { tokens: [...tokens], merges: [...merges] }
}

/**
 * The printable character that stands for each byte in GPT-2's vocabulary: itself where it is
 * printable Latin-1, else the next one from U+0100 on.
 */
function byteLetters(): string[] {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
    return String.fromCodePoint(printable ? byte : next++)
  })
}

function pad(tokens: readonly string[], size: number): string[] {
  const all = new Set(tokens)
  const space = byteLetters()[32] ?? ''
  const syllables = CONSONANTS.flatMap((consonant) => VOWELS.map((vowel) => consonant + vowel))
  for (const first of syllables) {
    for (const second of syllables) {
      for (const end of ['', 'n', 's']) {
        if (all.size >= size) return [...all]
        all.add(space + first + second + end)
      }
    }
  }
  return [...all]
}
