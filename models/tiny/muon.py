"""The Muon optimizer for hidden matrices: momentum, made orthogonal before it is applied.

After K. Jordan's "Muon" (2024); step size and weight decay as in arXiv 2502.16982, so that an
update has the size of AdamW's. Knows nothing of models; a 3-D parameter is a stack of matrices.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

# Coefficients of the quintic Newton-Schulz step of the original.
QUINTIC = (3.4445, -4.7750, 2.0315)
STEPS = 5
UPDATE_RMS = 0.2


class Muon(torch.optim.Optimizer):
    def __init__(
        self, parameters: Iterable[Tensor], lr: float, momentum: float, weight_decay: float
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(parameters, settings)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                self._update(parameter, group)

    def _update(self, parameter: Tensor, group: dict) -> None:
        gradient = parameter.grad
        if gradient is None:
            return
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        average = state["momentum"]
        average.lerp_(gradient, 1 - group["momentum"])
        direction = orthogonalise(gradient.lerp(average, group["momentum"]))
        scale = UPDATE_RMS * max(parameter.shape[-2:]) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(direction.float(), alpha=-group["lr"] * scale)


def orthogonalise(matrices: Tensor) -> Tensor:
    """The nearest (semi-)orthogonal matrix of each, roughly: singular values of 0.7 to 1.2."""
    a, b, c = QUINTIC
    x = matrices.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = x.transpose(-2, -1) if tall else x
    x = x / (x.float().norm(dim=(-2, -1), keepdim=True) + 1e-7).bfloat16()
    for _ in range(STEPS):
        product = x @ x.transpose(-2, -1)
        x = a * x + (b * product + c * (product @ product)) @ x
    return x.transpose(-2, -1) if tall else x
