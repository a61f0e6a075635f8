"""Turns a checkpoint into an f32 GGUF file and writes what the check of the conversion needs.

Beside the model: `held-out.json` (text and tokens of every book), `reference.f32`, this
framework's logits for the first tokens of the first book, [tokens, vocabulary], and `excerpt.txt`,
a piece of held-out text short enough to be kept with the model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from blocks import RMS_EPSILON, Shape
from bpe import Tokenizer
from corpus import read_books
from experts import Experts
from gguf import Int32Array, Value, tensor_bytes, write_gguf
from model import Model, load_model

REFERENCE_TOKENS = 256

EXCERPT_BOOK = "wizard-of-oz"
EXCERPT_BYTES = 4096

# enum llama_token_type
NORMAL, CONTROL = 1, 3

# The turns are one text: a user's turn begins or goes on with the story, the reply continues it.
# A model that follows no instructions has no use for a system message.
CHAT_TEMPLATE = """{%- for message in messages if message.role != 'system' -%}
{{- '\\n\\n' if message.role == 'user' and not loop.first -}}
{{- message.content -}}
{%- endfor -%}"""


def model_metadata(shape: Shape) -> dict[str, Value]:
    counts = {
        "block_count": shape.layers,
        "context_length": shape.context,
        "embedding_length": shape.width,
        "feed_forward_length": shape.expert_width,
        "expert_feed_forward_length": shape.expert_width,
        "expert_count": shape.experts,
        "expert_used_count": shape.experts_used,
        "vocab_size": shape.vocabulary,
        "attention.head_count": shape.heads,
        "attention.head_count_kv": shape.kv_heads,
        "attention.key_length": shape.head_width,
        "attention.value_length": shape.head_width,
        "rope.dimension_count": shape.head_width,
        "rope.freq_base": shape.rope_base,
        "attention.layer_norm_rms_epsilon": RMS_EPSILON,
    }
    return {
        "general.architecture": "qwen3moe",
        "general.name": "sputnik tiny",
        "general.description": "Continues stories; trained from nothing on eleven old books",
        "general.license": "mit",
        "general.file_type": 0,
        **{f"qwen3moe.{key}": value for key, value in counts.items()},
    }


def tokenizer_metadata(tokenizer: Tokenizer) -> dict[str, Value]:
    end = tokenizer.end_of_text
    types = [CONTROL if index == end else NORMAL for index in range(len(tokenizer.tokens))]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokenizer.tokens,
        "tokenizer.ggml.token_type": Int32Array(types),
        "tokenizer.ggml.merges": [" ".join(pair) for pair in tokenizer.merges],
        "tokenizer.ggml.bos_token_id": end,
        "tokenizer.ggml.eos_token_id": end,
        "tokenizer.ggml.padding_token_id": end,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


def model_tensors(model: Model) -> dict[str, Tensor]:
    """llama.cpp's names. There is no output matrix: the library then takes the embedding."""
    tensors = {"token_embd": model.embedding, "output_norm": model.norm.weight}
    for index, layer in enumerate(model.layers):
        attention, experts = layer.attention, layer.feed
        if not isinstance(experts, Experts):
            raise TypeError("only a model with experts can be exported")
        parts = {
            "attn_norm": layer.attention_norm.weight,
            "attn_q": attention.q.weight,
            "attn_k": attention.k.weight,
            "attn_v": attention.v.weight,
            "attn_q_norm": attention.q_norm.weight,
            "attn_k_norm": attention.k_norm.weight,
            "attn_output": attention.output.weight,
            "ffn_norm": layer.feed_norm.weight,
            "ffn_gate_inp": experts.router.weight,
            "ffn_gate_exps": experts.gate,
            "ffn_up_exps": experts.up,
            "ffn_down_exps": experts.down,
        }
        tensors |= {f"blk.{index}.{name}": tensor for name, tensor in parts.items()}
    return {f"{name}.weight": tensor.detach().contiguous() for name, tensor in tensors.items()}


def cut_excerpt(text: str) -> str:
    """The first paragraphs of the text, as many as fit whole."""
    return text[: text.rindex("\n\n", 0, EXCERPT_BYTES)] + "\n"


def write_reference(model: Model, tokenizer: Tokenizer, books: Path, folder: Path) -> None:
    texts = {book.name: book.held_out for book in read_books(books)}
    excerpt = cut_excerpt(texts[EXCERPT_BOOK])
    (folder / "excerpt.txt").write_text(excerpt, encoding="utf-8")
    parts = [
        {"name": name, "text": text, "tokens": tokenizer.encode(text)}
        for name, text in texts.items()
    ]
    stored = {"endOfText": tokenizer.end_of_text, "parts": parts}
    (folder / "held-out.json").write_text(json.dumps(stored), encoding="utf-8")
    with torch.no_grad():
        logits, _ = model(torch.tensor([parts[0]["tokens"][:REFERENCE_TOKENS]]))
    (folder / "reference.f32").write_bytes(tensor_bytes(logits[0].contiguous()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("books", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    tokenizer = Tokenizer.load(options.tokenizer)
    model = load_model(options.checkpoint)
    options.folder.mkdir(parents=True, exist_ok=True)
    metadata = model_metadata(model.shape) | tokenizer_metadata(tokenizer)
    write_gguf(options.folder / "model-f32.gguf", metadata, model_tensors(model))
    write_reference(model, tokenizer, options.books, options.folder)


if __name__ == "__main__":
    main()
