"""Dropout that costs little without a GPU."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


class Dropout:
    """Dropout whose masks are random slices of one fixed pool: drawing them costs too much."""

    POOL = 1 << 24

    def __init__(self, share: float) -> None:
        self._pool = (torch.rand(self.POOL) >= share).float() / (1 - share)

    def draw(self, seed: int) -> Masks:
        return Masks(self._pool, torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Masks:
    """The masks of one forward pass; the same seed gives the same ones."""

    pool: Tensor
    generator: torch.Generator

    def apply(self, x: Tensor) -> Tensor:
        start = int(torch.randint(len(self.pool) - x.numel(), (1,), generator=self.generator))
        return x * self.pool[start : start + x.numel()].view_as(x)


def drop(x: Tensor, masks: Masks | None) -> Tensor:
    return masks.apply(x) if masks else x
