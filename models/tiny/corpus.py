"""Reads a folder of books and divides each into training and held-out text.

Knows nothing of tokens or models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_SHARE = 0.05

# Books are wrapped at 65 to 75 columns, verse and headings end well before this one.
WRAP_COLUMN = 60


@dataclass(frozen=True)
class Book:
    """One work: `training` followed by `held_out` is its whole reflowed text."""

    name: str
    training: str
    held_out: str


def read_books(folder: Path) -> list[Book]:
    """All `*.txt` files of the folder, in the order of their names."""
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise FileNotFoundError(f"no *.txt files in {folder}")
    return [_divide(path.stem, reflow(path.read_text(encoding="utf-8"))) for path in paths]


def reflow(text: str) -> str:
    """Turns the line breaks that only wrap a paragraph into spaces; as many bytes as before.

    A break is a wrap where the first word of the next line would have passed the wrap column.
    """
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    pieces: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""]):
        pieces += [line, " " if _is_wrapped(line, following) else "\n"]
    return re.sub(r"\n{4,}", "\n\n\n", "".join(pieces)).strip() + "\n"


def _is_wrapped(line: str, following: str) -> bool:
    if not following or following[0].isspace():
        return False
    return len(line) + 1 + len(following.split(" ", 1)[0]) > WRAP_COLUMN


def _divide(name: str, text: str) -> Book:
    """Cuts at the first paragraph that begins in the held-out share, counted in bytes."""
    data = text.encode("utf-8")
    cut = data.index(b"\n\n", int(len(data) * (1 - HELD_OUT_SHARE))) + 2
    return Book(name, data[:cut].decode("utf-8"), data[cut:].decode("utf-8"))
