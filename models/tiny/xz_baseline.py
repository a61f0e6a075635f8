"""What `xz -9` makes of the held-out text: alone, and with the training text before it."""

from __future__ import annotations

import argparse
import lzma
from pathlib import Path

from corpus import read_books


def xz_bytes(text: str) -> int:
    return len(lzma.compress(text.encode("utf-8"), preset=9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("books", type=Path)
    options = parser.parse_args()
    books = read_books(options.books)
    training = "".join(book.training for book in books)
    held_out = "".join(book.held_out for book in books)
    size = len(held_out.encode("utf-8"))
    alone = xz_bytes(held_out)
    after = xz_bytes(training + held_out) - xz_bytes(training)
    print(f"held-out text: {size} bytes; training text: {len(training.encode('utf-8'))} bytes")
    print(f"xz -9 alone: {8 * alone / size:.3f} bits per byte")
    print(f"xz -9 after the training text: {8 * after / size:.3f} bits per byte")


if __name__ == "__main__":
    main()
