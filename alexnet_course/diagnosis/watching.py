"""Watching a training loop that somebody else wrote: nothing of it needs to be known beforehand.

While a :class:`Watcher` is entered, every call of ``backward``, every pass through a network, every
step of an optimiser and every loss of PyTorch's is noted, and loaders end after a few batches.
"""

import copy
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as modules
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader

STEPS, BATCHES = 30, 8  # that are watched: in all, and of an epoch


class Enough(BaseException):
    """The loop has been seen long enough. No ``except Exception`` of its own stops this."""


@dataclass
class Step:
    """One call of ``backward``.

    ``loss`` is what it was called on, ``plain`` the mean cross-entropy of the same outputs where
    that is known; ``training`` the network's mode; ``left`` the norm of the gradients that
    lay there before, of parameters that have moved; ``moved`` by how much of its norm each
    parameter has moved since the step before.
    """

    loss: float
    plain: float | None
    training: bool | None
    left: float
    moved: dict[str, float]
    rates: tuple[float, ...]
    epoch: int
    first_label: int | None = None


@dataclass
class Pass:
    """One pass through the outermost module: its mode, and whether gradients were wanted."""

    training: bool
    graded: bool
    kind: type[nn.Module]


@dataclass(eq=False)
class Watcher(TorchFunctionMode):
    """What a loop does to ``network``, or to the first one that is seen, if ``None``."""

    network: nn.Module | None
    most: int = STEPS
    batches: int = BATCHES
    seconds: float = 10.0
    steps: list[Step] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    optimisers: list[torch.optim.Optimizer] = field(default_factory=list)
    started: list[dict[str, Any]] = field(default_factory=list)  # their states before the first
    choices: Counter = field(default_factory=Counter)  # dimensions that argmax and max were given
    loaders: dict[int, DataLoader] = field(default_factory=dict)
    epochs: Counter = field(default_factory=Counter)
    called: list[str] = field(default_factory=list)  # of the calls of set_epoch
    error: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self._depth, self._now = 0, 0
        self._outputs: Tensor | None = None
        self._mode: bool | None = None
        self._scored: tuple[Tensor, Tensor] | None = None
        self._before: dict[str, Tensor] = {}
        self.first: dict[str, Tensor] = {}

    # What is entered

    def __enter__(self) -> "Watcher":
        self._end = time.monotonic() + self.seconds
        self._hooks = [
            modules.register_module_forward_pre_hook(self._enters),
            modules.register_module_forward_hook(self._leaves, always_call=True),
            register_optimizer_step_pre_hook(self._stepping),
        ]
        self._iterate = DataLoader.__iter__

        def few(loader: DataLoader) -> Any:
            return self._few(loader)

        DataLoader.__iter__ = few  # type: ignore[method-assign]
        super().__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        super().__exit__(kind, error, trace)
        for hook in self._hooks:
            hook.remove()
        DataLoader.__iter__ = self._iterate  # type: ignore[method-assign]
        if isinstance(error, Exception):
            self.error = error
        return isinstance(error, (Exception, Enough, SystemExit))

    def raise_unless_enough(self, path: Path) -> None:
        """An error of the file's own ends the examination, unless it trained before."""
        if self.error is not None and not self.steps:
            error = self.error
            raise ValueError(f"{path.name} stops with {type(error).__name__}: {error}") from error

    # What is noted

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name == "backward" and args and isinstance(args[0], Tensor):
            self._backward(args[0])
        elif name in ("cross_entropy", "nll_loss") and len(args) > 1:
            self._scored = (args[0].detach(), args[1].detach())
        elif name in ("argmax", "max") and args and args[0].ndim == 2:
            which = args[1] if len(args) > 1 else kwargs.get("dim")
            if isinstance(which, int):
                self.choices[which % 2] += 1
        return function(*args, **kwargs)

    def _backward(self, loss: Tensor) -> None:
        if len(self.steps) >= self.most or time.monotonic() > self._end:
            raise Enough
        named = dict(self.network.named_parameters()) if self.network is not None else {}
        values = {name: x.detach() for name, x in named.items()}
        if not self.first:
            self.first = {name: x.clone() for name, x in values.items()}
        moved = {
            name: ((x - self._before[name]).norm() / (self._before[name].norm() + 1e-12)).item()
            for name, x in values.items()
            if name in self._before and x.is_floating_point()
        }
        gradients = [
            x.grad.detach().norm()
            for name, x in named.items()
            if x.grad is not None and moved.get(name)
        ]
        left = torch.stack(gradients).norm().item() if gradients else 0.0
        self._before = {name: x.clone() for name, x in values.items()}
        plain = label = None
        if self._scored is not None:
            scores, target = self._scored
            if target.ndim == 1 and scores.ndim == 2 and target.dtype == torch.int64:
                plain, label = _cross_entropy(scores, target), int(target[0])
        rates = tuple(group["lr"] for o in self.optimisers for group in o.param_groups)
        self.steps.append(
            Step(
                float(loss.detach()),
                plain,
                self._mode,
                left,
                moved,
                tuple(map(float, rates)),
                self.epochs[self._now],
                label,
            )
        )

    def _stepping(self, optimiser: torch.optim.Optimizer, *_: Any) -> None:
        if not any(optimiser is one for one in self.optimisers):
            self.optimisers.append(optimiser)
            self.started.append(copy.deepcopy(optimiser.state_dict()))

    def _enters(self, module: nn.Module, _: Any) -> None:
        self._depth += 1

    def _leaves(self, module: nn.Module, _: Any, output: Any) -> None:
        self._depth -= 1
        owns = next(module.parameters(), None) is not None
        if self._depth > 0 or not (owns or module is self.network):
            return
        if self.network is None:
            self.network = module
        self._mode = module.training
        self.passes.append(Pass(module.training, torch.is_grad_enabled(), type(module)))

    def _few(self, loader: DataLoader) -> Iterator[Any]:
        """A few batches of ``loader``, made in this process."""
        if loader.batch_sampler is None and loader.batch_size is None and loader.num_workers:
            yield from self._iterate(loader)
            return
        self.loaders[id(loader)] = loader
        self.epochs[id(loader)] += 1
        sampler = loader.sampler
        if hasattr(sampler, "set_epoch"):
            self.called.append(str(getattr(sampler, "epoch", "")))
        workers, loader.num_workers = loader.num_workers, 0
        try:
            made = loader._get_iterator()
        finally:
            loader.num_workers = workers
        for _, batch in zip(range(self.batches), made):
            self._now = id(loader)
            yield batch


def _cross_entropy(scores: Tensor, target: Tensor) -> float | None:
    inside = (target >= 0) & (target < scores.shape[1])
    return F.cross_entropy(scores.float(), target).item() if bool(inside.all()) else None
