"""Grouped-query attention with normed, rotated queries and keys, as llama.cpp computes qwen3moe.

Shapes in comments: B sequences, T positions, D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from blocks import Linear, RmsNorm, Shape

QUERY_BLOCK = 128


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.q = Linear(shape.width, shape.heads * shape.head_width)
        self.k = Linear(shape.width, shape.kv_heads * shape.head_width)
        self.v = Linear(shape.width, shape.kv_heads * shape.head_width)
        self.q_norm = RmsNorm(shape.head_width)
        self.k_norm = RmsNorm(shape.head_width)
        self.output = Linear(shape.heads * shape.head_width, shape.width, 0.0)
        self.register_buffer("rotation", _rotation(shape), persistent=False)
        mask = torch.full((QUERY_BLOCK, QUERY_BLOCK), -math.inf).triu(1)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x and the result: [B, T, D]."""
        batch, length, _ = x.shape
        groups = self.shape.heads // self.shape.kv_heads
        heads = (batch, length, -1, self.shape.head_width)
        q = self._rotate(self.q_norm(self.q(x).view(heads))).to(x.dtype)
        k = self._rotate(self.k_norm(self.k(x).view(heads))).to(x.dtype)
        v = self.v(x).view(heads)
        # One batch entry per key/value head; its query heads become more rows of queries.
        q = q.view(batch, length, -1, groups, self.shape.head_width).permute(0, 2, 3, 1, 4)
        q = q.reshape(batch * self.shape.kv_heads, groups, length, -1)
        k = k.transpose(1, 2).reshape(batch * self.shape.kv_heads, length, -1)
        v = v.transpose(1, 2).reshape(batch * self.shape.kv_heads, length, -1)
        blocks = [self._attend(q, k, v, start) for start in range(0, length, QUERY_BLOCK)]
        mixed = torch.cat(blocks, 2).view(batch, -1, length, self.shape.head_width)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, -1))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, start: int) -> Tensor:
        """One block of queries against the keys up to its end, which halves the causal waste."""
        end = min(start + QUERY_BLOCK, q.shape[2])
        size = end - start
        rows = q[:, :, start:end].reshape(q.shape[0], -1, q.shape[3])
        scores = torch.bmm(rows, k[:, :end].transpose(1, 2)) / math.sqrt(self.shape.head_width)
        scores = scores.view(q.shape[0], -1, size, end)
        past, diagonal = scores.split([start, size], 3)
        masked = torch.cat([past, diagonal + self.mask[:size, :size].to(scores.dtype)], 3)
        weights = functional.softmax(masked, -1).view(q.shape[0], -1, end)
        return torch.bmm(weights, v[:, :end]).view(q.shape[0], -1, size, v.shape[2])

    def _rotate(self, x: Tensor) -> Tensor:
        """Rotary embedding that pairs element i with i + half ("neox"). x: [B, T, heads, width]."""
        cosine, sine = self.rotation[:, : x.shape[1], None]
        low, high = x.chunk(2, -1)
        return torch.cat([low * cosine - high * sine, high * cosine + low * sine], -1)


def _rotation(shape: Shape) -> Tensor:
    """Cosines and sines: [2, context, head_width / 2]."""
    exponents = torch.arange(0, shape.head_width, 2).double() / shape.head_width
    angles = torch.arange(shape.context).double()[:, None] * shape.rope_base**-exponents
    return torch.stack([angles.cos(), angles.sin()]).float()
