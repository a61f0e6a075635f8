/** Grammars of requests as samplers. Knows nothing of sampling. */
import { SputnikError } from '../base/errors.js'
import { GrammarSampler } from '../native/llama-sampler.js'
import type { Vocab } from '../native/llama-vocab.js'
import { checkGbnf } from './gbnf-check.js'
import { schemaToGbnf } from './json-schema-grammar.js'
import type { Grammar } from './protocol.js'

/** @throws SputnikError BAD_GRAMMAR, BAD_PARAM when the model has no tokenizer */
export function compileGrammar(vocab: Vocab, grammar: Grammar): GrammarSampler {
  if (!vocab.isUsable) {
    throw new SputnikError('BAD_PARAM', 'this model has no tokenizer, so a grammar has no text', {
      param: 'grammar',
    })
  }
  const text = grammar.kind === 'gbnf' ? grammar.text : schemaToGbnf(grammar.schema)
  // The library aborts or never returns on some grammars that its parser lets pass.
  checkGbnf(text)
  const sampler = GrammarSampler.create(vocab, text)
  if (sampler === undefined) throw new SputnikError('BAD_GRAMMAR', 'the grammar cannot be parsed')
  return sampler
}
