"""A byte-level BPE tokenizer that llama.cpp reproduces: model "gpt2", pre-tokenizer "qwen2".

Run as a script it learns the vocabulary from the training part of the books. Knows no model.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import regex

from corpus import read_books

END_OF_TEXT = "<|endoftext|>"
VOCABULARY_SIZE = 4096

# The expression of llama.cpp's LLAMA_VOCAB_PRE_TYPE_QWEN2 (src/llama-vocab.cpp).
PRE_TOKENIZER = regex.compile(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

Pair = tuple[str, str]


def byte_letters() -> list[str]:
    """The printable letter GPT-2's vocabularies use for each byte."""
    letters: list[str] = []
    following = 0x100
    for byte in range(256):
        if 32 < byte < 127 or 160 < byte != 173:
            letters.append(chr(byte))
        else:
            letters.append(chr(following))
            following += 1
    return letters


_LETTERS = byte_letters()
_BYTES = {letter: byte for byte, letter in enumerate(_LETTERS)}


class Tokenizer:
    """Encodes and decodes text; `tokens[i]` is written in byte letters, the last is the special."""

    def __init__(self, tokens: list[str], merges: list[Pair]) -> None:
        self.tokens = tokens
        self.merges = merges
        self.end_of_text = tokens.index(END_OF_TEXT)
        self._ids = {token: index for index, token in enumerate(tokens)}
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        stored = json.loads(path.read_text(encoding="utf-8"))
        merges = [(left, right) for left, right in (m.split(" ") for m in stored["merges"])]
        return cls(stored["tokens"], merges)

    def save(self, path: Path) -> None:
        stored = {"tokens": self.tokens, "merges": [" ".join(pair) for pair in self.merges]}
        path.write_text(json.dumps(stored, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")

    def encode(self, text: str) -> list[int]:
        return [token for word in PRE_TOKENIZER.findall(text) for token in self._encode_word(word)]

    def decode(self, ids: Iterable[int]) -> str:
        letters = "".join(self.tokens[i] for i in ids if i != self.end_of_text)
        return bytes(_BYTES[letter] for letter in letters).decode("utf-8", errors="replace")

    def _encode_word(self, word: str) -> list[int]:
        if word not in self._cache:
            self._cache[word] = [self._ids[part] for part in self._merge(_spell(word))]
        return self._cache[word]

    def _merge(self, parts: list[str]) -> list[str]:
        worst = len(self._ranks)
        while len(parts) > 1:
            pairs = list(zip(parts, parts[1:]))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, worst))
            if best not in self._ranks:
                break
            parts = _join(parts, best)
        return parts


def train(text: str, size: int) -> Tokenizer:
    """Learns `size` tokens, the special one included, by merging the most frequent pairs."""
    counts = Counter(PRE_TOKENIZER.findall(text))
    words = [_spell(word) for word in counts]
    weights = list(counts.values())
    totals: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)
    for index, parts in enumerate(words):
        _count_pairs(parts, index, weights[index], totals, places)
    merges: list[Pair] = []
    while len(_LETTERS) + len(merges) + 1 < size:
        # The pair itself breaks ties, so that every run learns the same vocabulary.
        best = max(totals, key=lambda pair: (totals[pair], pair))
        merges.append(best)
        for index in places.pop(best):
            _count_pairs(words[index], index, -weights[index], totals, places)
            words[index] = _join(words[index], best)
            _count_pairs(words[index], index, weights[index], totals, places)
        del totals[best]
    return Tokenizer([*_LETTERS, *("".join(pair) for pair in merges), END_OF_TEXT], merges)


def _count_pairs(
    parts: list[str],
    index: int,
    weight: int,
    totals: Counter[Pair],
    places: defaultdict[Pair, set[int]],
) -> None:
    for pair in zip(parts, parts[1:]):
        totals[pair] += weight
        if weight > 0:
            places[pair].add(index)


def _join(parts: list[str], pair: Pair) -> list[str]:
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) == pair:
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def _spell(word: str) -> list[str]:
    return [_LETTERS[byte] for byte in word.encode("utf-8")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("books", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    books = read_books(options.books)
    tokenizer = train("".join(book.training for book in books), VOCABULARY_SIZE)
    tokenizer.save(options.output)
    for book in books:
        count = len(tokenizer.encode(book.held_out))
        size = len(book.held_out.encode("utf-8"))
        print(f"{book.name}: {size} held-out bytes, {size / count:.3f} bytes per token")


if __name__ == "__main__":
    main()
