"""The routed experts of qwen3moe, computed for the tokens of each expert together.

Shapes in comments: N tokens, D width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from blocks import Linear, Shape, swiglu

# Each expert's rows are padded to a multiple of this, because the matrix library compiles a kernel
# for every number of rows it meets.
ROW_BLOCK = 64


@dataclass
class RouterReport:
    """What one layer's router did: choices per expert and the two auxiliary losses."""

    load: Tensor
    balance_loss: Tensor
    z_loss: Tensor


class Experts(nn.Module):
    """Softmax router, the best `experts_used` per token, weights renormalised over those."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.router = Linear(shape.width, shape.experts, 0.1)
        inner, outer = shape.expert_width, shape.width
        self.gate = nn.Parameter(torch.randn(shape.experts, inner, outer) / math.sqrt(outer))
        self.up = nn.Parameter(torch.randn(shape.experts, inner, outer) / math.sqrt(outer))
        self.down = nn.Parameter(torch.zeros(shape.experts, outer, inner))

    def forward(self, x: Tensor, dtype: torch.dtype) -> tuple[Tensor, RouterReport]:
        """x: [N, D] in f32, so that the router chooses as it will in inference."""
        used = self.shape.experts_used
        logits = self.router(x)
        probabilities = functional.softmax(logits, -1)
        best, chosen = probabilities.topk(used, -1)
        weights = best / best.sum(-1, keepdim=True)
        load = torch.bincount(chosen.flatten(), minlength=self.shape.experts)
        padded_load = (load + ROW_BLOCK - 1) // ROW_BLOCK * ROW_BLOCK
        order, inverse = _places(chosen.flatten(), load, padded_load)
        rows = x.to(dtype)[:, None].expand(-1, used, -1).reshape(-1, x.shape[1])
        outputs = self._compute(Gather.apply(rows, order, inverse), padded_load)
        outputs = Scatter.apply(outputs, order, inverse)
        mixed = (outputs.view(-1, used, x.shape[1]).float() * weights[:, :, None]).sum(1)
        return mixed, self._report(logits, probabilities, load)

    def _compute(self, rows: Tensor, load: Tensor) -> Tensor:
        """rows: [N * used + padding, D], those of expert 0 first."""
        weights = (w.to(rows.dtype).unbind() for w in (self.gate, self.up, self.down))
        parts = zip(rows.split(load.tolist()), *weights)
        return torch.cat([swiglu(part, gate, up, down) for part, gate, up, down in parts])

    def _report(self, logits: Tensor, probabilities: Tensor, load: Tensor) -> RouterReport:
        """Balance after Switch Transformer (arXiv 2101.03961), z-loss after ST-MoE (2202.08906)."""
        share = load / load.sum()
        balance = self.shape.experts * (share * probabilities.mean(0)).sum()
        return RouterReport(load, balance, logits.logsumexp(-1).square().mean())


class Gather(torch.autograd.Function):
    """Rows `order` of x, where `inverse` says which result is each row's own.

    Results that are nobody's own are padding: the caller ignores them and no gradient flows back.
    Both ways are gathers, much faster than the index_add that autograd would use.
    """

    @staticmethod
    def forward(ctx, x: Tensor, order: Tensor, inverse: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(inverse)
        return x.index_select(0, order)

    @staticmethod
    def backward(ctx, gradient: Tensor):  # type: ignore[override]
        (inverse,) = ctx.saved_tensors
        return gradient.index_select(0, inverse), None, None


class Scatter(torch.autograd.Function):
    """Undoes Gather: drops the padding, whose gradient is zero."""

    @staticmethod
    def forward(ctx, x: Tensor, order: Tensor, inverse: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(order, inverse)
        return x.index_select(0, inverse)

    @staticmethod
    def backward(ctx, gradient: Tensor):  # type: ignore[override]
        order, inverse = ctx.saved_tensors
        padding = torch.ones(len(order), 1, dtype=torch.bool)
        padding[inverse] = False
        return gradient.index_select(0, order).masked_fill_(padding, 0), None, None


def _places(experts: Tensor, load: Tensor, padded_load: Tensor) -> tuple[Tensor, Tensor]:
    """For choices sorted by expert with padding: who stands at each place, and who stands where."""
    sorted_choices = experts.argsort(stable=True)
    shifts = (padded_load - load).cumsum(0) - (padded_load - load)
    places = torch.arange(len(experts)) + shifts[experts[sorted_choices]]
    order = torch.zeros(int(padded_load.sum()), dtype=torch.long)
    order[places] = sorted_choices
    inverse = torch.empty_like(experts)
    inverse[sorted_choices] = places
    return order, inverse
