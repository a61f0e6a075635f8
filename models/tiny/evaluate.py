"""Held-out loss in bits per byte and router load of a checkpoint. Knows nothing of training."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from bpe import Tokenizer
from corpus import read_books
from model import Model, load_model


@dataclass(frozen=True)
class HeldOut:
    """The held-out part of one book: the end-of-text token, then the text's tokens."""

    name: str
    tokens: Tensor
    size_bytes: int


def encode_held_out(tokenizer: Tokenizer, books: Path) -> list[HeldOut]:
    return [
        HeldOut(
            book.name,
            torch.tensor([tokenizer.end_of_text, *tokenizer.encode(book.held_out)]),
            len(book.held_out.encode("utf-8")),
        )
        for book in read_books(books)
    ]


@torch.no_grad()
def held_out_bits(model: Model, parts: list[HeldOut], dtype: torch.dtype) -> float:
    """Bits per byte over all parts together; every token is predicted exactly once."""
    model.eval()
    nats = sum(text_nats(model, part.tokens, dtype) for part in parts)
    return nats / math.log(2) / sum(part.size_bytes for part in parts)


def text_nats(model: Model, tokens: Tensor, dtype: torch.dtype) -> float:
    """Loss of all tokens after the first, in windows of the context that share one token."""
    context = model.shape.context
    nats = 0.0
    full = (len(tokens) - 1) // context
    windows = [tokens[i * context : (i + 1) * context + 1] for i in range(full)]
    for start in range(0, full, 8):
        nats += _nats(model, torch.stack(windows[start : start + 8]), dtype)
    rest = tokens[full * context :]
    return nats + (_nats(model, rest[None], dtype) if len(rest) > 1 else 0.0)


def _nats(model: Model, windows: Tensor, dtype: torch.dtype) -> float:
    logits, _ = model(windows[:, :-1], dtype)
    targets = windows[:, 1:].flatten()
    return functional.cross_entropy(logits.flatten(0, 1), targets, reduction="sum").item()


@torch.no_grad()
def router_loads(model: Model, parts: list[HeldOut]) -> Tensor:
    """Choices of every expert of every layer over all parts: [layers, experts]."""
    model.eval()
    context = model.shape.context
    total = torch.zeros(model.shape.layers, model.shape.experts)
    for part in parts:
        for window in part.tokens.split(context):
            _, reports = model(window[None])
            total += torch.stack([report.load for report in reports])
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("books", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("checkpoint", type=Path)
    options = parser.parse_args()
    model = load_model(options.checkpoint)
    parts = encode_held_out(Tokenizer.load(options.tokenizer), options.books)
    for part in parts:
        print(f"{part.name}: {held_out_bits(model, [part], torch.float32):.4f} bits per byte")
    print(f"all: {held_out_bits(model, parts, torch.float32):.4f} bits per byte")
    if model.shape.experts:
        for index, load in enumerate(router_loads(model, parts)):
            relative = load / load.mean()
            dead = int((load == 0).sum())
            most, least = relative.max(), relative.min()
            print(f"layer {index}: max/mean {most:.2f} min/mean {least:.2f} dead {dead}")


if __name__ == "__main__":
    main()
