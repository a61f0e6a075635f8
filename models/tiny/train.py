"""Trains one model on the books and writes its checkpoint; started again, it goes on where it was.

Learning rate and data order depend on the step alone, never on the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from blocks import Shape
from bpe import Tokenizer
from corpus import read_books
from dropout import Dropout
from evaluate import HeldOut, encode_held_out, held_out_bits
from experts import Experts, RouterReport
from model import Model, parameter_counts
from muon import Muon


@dataclass(frozen=True)
class Settings:
    """Everything that decides what is learnt. A batch is `batch` windows of `context` tokens."""

    steps: int = 1400
    batch: int = 16
    micro_batch: int = 8
    warmup_steps: int = 60
    decay_share: float = 0.5
    lr: float = 4e-3
    muon_decay: float = 0.3
    adam_decay: float = 0.1
    dropout: float = 0.1
    balance: float = 0.02
    router_z: float = 1e-4
    clip: float = 1.0
    seed: int = 1


class Trainer:
    """Divides a batch between threads of one core each, which meet only once a step.

    Threads inside each operation would meet thousands of times, and stall whenever another process
    takes one of the cores.
    """

    def __init__(self, shape: Shape, settings: Settings, stream: Tensor, threads: int = 1) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.stream = stream
        self.step = 0
        self.model = Model(shape)
        self.parameters = list(self.model.parameters())
        self.optimizers = _optimizers(self.model, settings, threads)
        self.dropout = Dropout(settings.dropout) if settings.dropout else None
        self.pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def train_step(self) -> tuple[float, list[RouterReport]]:
        """One update; gives the loss in nats per token and the last part's router reports."""
        self._set_learning_rate()
        parts = self._windows().split(self.settings.micro_batch)
        results = list(self.pool.map(self._part_gradients, parts, range(len(parts))))
        for index, parameter in enumerate(self.parameters):
            parameter.grad = torch.stack([gradients[index] for _, _, gradients in results]).mean(0)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        list(self.pool.map(lambda optimizer: optimizer.step(), self.optimizers))
        self.step += 1
        return sum(loss for loss, _, _ in results) / len(parts), results[-1][1]

    def _part_gradients(
        self, windows: Tensor, index: int
    ) -> tuple[float, list[RouterReport], tuple[Tensor, ...]]:
        seed = (self.settings.seed * 1_000_003 + self.step) * 1009 + index
        masks = self.dropout.draw(seed) if self.dropout else None
        logits, reports = self.model(windows[:, :-1], torch.bfloat16, masks)
        loss = functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        total = self._with_router_losses(loss, reports)
        return loss.item(), reports, torch.autograd.grad(total, self.parameters)

    def _with_router_losses(self, loss: Tensor, reports: list[RouterReport]) -> Tensor:
        for report in reports:
            loss = loss + self.settings.balance * report.balance_loss
            loss = loss + self.settings.router_z * report.z_loss
        return loss

    def _set_learning_rate(self) -> None:
        settings = self.settings
        decay_steps = settings.steps * settings.decay_share
        warm = (self.step + 1) / settings.warmup_steps
        rate = settings.lr * min(1.0, warm, (settings.steps - self.step) / decay_steps)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate

    def _windows(self) -> Tensor:
        """This step's windows: [batch, context + 1]. Each epoch cuts and shuffles anew."""
        context = self.model.shape.context
        per_epoch = (len(self.stream) - context - 1) // context
        batches = per_epoch // self.settings.batch
        epoch, batch = divmod(self.step, batches)
        generator = torch.Generator().manual_seed(self.settings.seed * 7919 + epoch)
        offset = int(torch.randint(context, (1,), generator=generator))
        order = torch.randperm(per_epoch, generator=generator)
        chosen = order[batch * self.settings.batch : (batch + 1) * self.settings.batch]
        starts = chosen * context + offset
        return self.stream[starts[:, None] + torch.arange(context + 1)]

    def save(self, path: Path) -> None:
        """Replaces the checkpoint in one move, so that a kill leaves the old or the new one."""
        state = {
            "shape": asdict(self.model.shape),
            "settings": asdict(self.settings),
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, path)

    def restore(self, path: Path) -> None:
        state = torch.load(path)
        if state["settings"] != asdict(self.settings):
            raise ValueError(f"{path} was made with other settings: {state['settings']}")
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        for optimizer, stored in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(stored)


def _optimizers(model: Model, settings: Settings, threads: int) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers; AdamW for the embedding, the routers and the norms.

    Muon costs much more: its parameters are dealt out to as many optimizers as there are threads.
    """
    routers = {id(m.router.weight) for m in model.modules() if isinstance(m, Experts)}
    inside = list(model.layers.parameters())
    matrices = [p for p in inside if p.ndim >= 2 and id(p) not in routers]
    hidden = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in hidden]
    groups = [
        {"params": [p for p in others if p.ndim >= 2], "weight_decay": settings.adam_decay},
        {"params": [p for p in others if p.ndim < 2], "weight_decay": 0.0},
    ]
    by_size = sorted(matrices, key=lambda p: p.numel())
    dealt = (by_size[first::threads] for first in range(threads))
    muon = {"lr": settings.lr, "momentum": 0.95, "weight_decay": settings.muon_decay}
    return [
        *(Muon(share, **muon) for share in dealt),
        torch.optim.AdamW(groups, lr=settings.lr, betas=(0.9, 0.95)),
    ]


def _training_stream(tokenizer: Tokenizer, books: Path) -> Tensor:
    ids: list[int] = []
    for book in read_books(books):
        ids += [tokenizer.end_of_text, *tokenizer.encode(book.training)]
    return torch.tensor([*ids, tokenizer.end_of_text])


def _describe(reports: list[RouterReport]) -> str:
    loads = [report.load.max() / report.load.float().mean() for report in reports]
    return " ".join(f"{load:.2f}" for load in loads) or "-"


def _run(trainer: Trainer, held_out: list[HeldOut], options: argparse.Namespace) -> None:
    settings = trainer.settings
    step_tokens = settings.batch * trainer.model.shape.context
    losses: list[float] = []
    began = time.monotonic()
    while trainer.step < settings.steps:
        loss, reports = trainer.train_step()
        losses.append(loss)
        last = trainer.step == settings.steps
        if trainer.step % options.log_steps == 0 or last:
            rate = len(losses) * step_tokens / (time.monotonic() - began)
            mean = sum(losses) / len(losses)
            print(
                f"step {trainer.step} tokens {trainer.step * step_tokens} loss {mean:.4f}"
                f" tokens/s {rate:.0f} max/mean load {_describe(reports)}",
                flush=True,
            )
            losses = []
            began = time.monotonic()
        if trainer.step % options.evaluation_steps == 0 or last:
            bits = held_out_bits(trainer.model, held_out, torch.bfloat16)
            print(f"step {trainer.step} held-out bits per byte {bits:.4f}", flush=True)
            trainer.save(options.checkpoint)
            began = time.monotonic()


def _parse() -> tuple[argparse.Namespace, Shape, Settings]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("books", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--pid-file", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--log-steps", type=int, default=10)
    parser.add_argument("--evaluation-steps", type=int, default=100)
    for kind in (Shape, Settings):
        for field in fields(kind):
            default = field.default
            flag = f"--{field.name.replace('_', '-')}"
            parser.add_argument(flag, type=type(default), default=default)
    options = parser.parse_args()
    shape = Shape(**{field.name: getattr(options, field.name) for field in fields(Shape)})
    settings = Settings(**{field.name: getattr(options, field.name) for field in fields(Settings)})
    return options, shape, settings


def main() -> None:
    options, shape, settings = _parse()
    if options.pid_file:
        options.pid_file.write_text(f"{os.getpid()}\n", encoding="utf-8")
    torch.set_num_threads(1)
    tokenizer = Tokenizer.load(options.tokenizer)
    stream = _training_stream(tokenizer, options.books)
    trainer = Trainer(shape, settings, stream, options.threads)
    if options.checkpoint.exists():
        trainer.restore(options.checkpoint)
    total, active = parameter_counts(trainer.model)
    print(json.dumps({"shape": asdict(shape), "settings": asdict(settings)}))
    print(f"{total} parameters, {active} active; {len(stream)} training tokens", flush=True)
    _run(trainer, encode_held_out(tokenizer, options.books), options)


if __name__ == "__main__":
    main()
