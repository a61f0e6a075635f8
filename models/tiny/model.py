"""The qwen3moe architecture as llama.cpp computes it (src/models/qwen3moe.cpp), and a dense twin.

Shapes in comments: B sequences, T positions. Knows no text.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from attention import Attention
from blocks import Linear, RmsNorm, Shape, swiglu
from dropout import Masks, drop
from experts import Experts, RouterReport


class Dense(nn.Module):
    """One SwiGLU for all tokens, in place of the experts."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate = Linear(shape.width, shape.expert_width)
        self.up = Linear(shape.width, shape.expert_width)
        self.down = Linear(shape.expert_width, shape.width, 0.0)

    def forward(self, x: Tensor, dtype: torch.dtype) -> tuple[Tensor, None]:
        weights = (self.gate.weight, self.up.weight, self.down.weight)
        return swiglu(x.to(dtype), *(w.to(dtype) for w in weights)).float(), None


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = RmsNorm(shape.width)
        self.attention = Attention(shape)
        self.feed_norm = RmsNorm(shape.width)
        self.feed = Experts(shape) if shape.experts else Dense(shape)

    def forward(
        self, x: Tensor, dtype: torch.dtype, masks: Masks | None
    ) -> tuple[Tensor, RouterReport | None]:
        mixed = self.attention(self.attention_norm(x).to(dtype)).float()
        x = x + drop(mixed, masks)
        fed, report = self.feed(self.feed_norm(x).flatten(0, 1), dtype)
        return x + drop(fed.view_as(x), masks), report


class Model(nn.Module):
    """The embedding is the output matrix too, which llama.cpp allows for this architecture."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Parameter(torch.randn(shape.vocabulary, shape.width) * 0.05)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = RmsNorm(shape.width)

    def forward(
        self, tokens: Tensor, dtype: torch.dtype = torch.float32, masks: Masks | None = None
    ) -> tuple[Tensor, list[RouterReport]]:
        """tokens: [B, T]; gives f32 logits [B, T, vocabulary] and the reports of all routers."""
        x = drop(functional.embedding(tokens, self.embedding), masks)
        reports: list[RouterReport] = []
        for layer in self.layers:
            x, report = layer(x, dtype, masks)
            if report is not None:
                reports.append(report)
        logits = functional.linear(self.norm(x).to(dtype), self.embedding.to(dtype))
        return logits.float(), reports


def load_model(checkpoint: Path) -> Model:
    """The trained model of a checkpoint that train.py wrote."""
    state = torch.load(checkpoint, map_location="cpu")
    model = Model(Shape(**state["shape"]))
    model.load_state_dict(state["model"])
    return model.eval()


def parameter_counts(model: Model) -> tuple[int, int]:
    """All parameters, and those one token passes through (the embedding once, as output)."""
    total = sum(p.numel() for p in model.parameters())
    shape = model.shape
    unused = shape.layers * (shape.experts - shape.experts_used) if shape.experts else 0
    return total, total - unused * 3 * shape.width * shape.expert_width
