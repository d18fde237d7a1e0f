"""Optimisers: what a step does with the gradients, as data, and PyTorch's optimiser for each.

A new one is one class in here: its settings, and :meth:`Optimiser.made_for`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from alexnet_course.fields import Count, Inside, NotNegative, Positive, Share, Spec
from alexnet_course.layers import layer_of, require_layers

Named = list[tuple[str, nn.Parameter]]


@dataclass(frozen=True)
class Optimiser(Spec, ABC):
    """What all have in common; ``learning_rate`` is the highest of the schedule.

    ``learning_rates`` are exceptions from it, and ``weight_decays`` from ``weight_decay``, keyed by
    layer name; a name that no layer has is an error when training begins. Biases learn at
    ``bias_rate`` times the rate of their layer's weights, and have no weight decay where
    ``bias_decay`` is false (in the released 2012 code: 2, and none).
    """

    learning_rate: Positive
    weight_decay: NotNegative = field(default=0.0, kw_only=True)
    weight_decays: Mapping[str, NotNegative] | None = field(default=None, kw_only=True)
    learning_rates: Mapping[str, Positive] | None = field(default=None, kw_only=True)
    bias_rate: Positive = field(default=1.0, kw_only=True)
    bias_decay: bool = field(default=True, kw_only=True)

    @abstractmethod
    def made_for(self, named: Named, fused: bool | None = None) -> list[torch.optim.Optimizer]:
        """PyTorch's optimisers of ``named`` parameters; each group's ``initial_lr`` is the highest
        rate that it gets. ``fused`` changes all weights in one pass, which CPUs and CUDA can.
        """

    def at_times(self, factor: float) -> Self:
        """The same, with every learning rate multiplied by ``factor``."""
        rates = self.learning_rates and {k: factor * x for k, x in self.learning_rates.items()}
        return replace(self, learning_rate=factor * self.learning_rate, learning_rates=rates)

    def groups(self, named: Named) -> list[dict[str, Any]]:
        """Parameter groups as ``torch.optim`` takes them, one for each rate and weight decay."""
        rates, decays = self.learning_rates or {}, self.weight_decays or {}
        names = [name for name, _ in named]
        require_layers("learning_rates are given for", rates, names)
        require_layers("weight_decays are given for", decays, names)
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in named:
            layer = layer_of(name)
            rate = rates.get(layer, self.learning_rate)
            decay = decays.get(layer, self.weight_decay)
            if name == f"{layer}.bias":
                rate, decay = self.bias_rate * rate, decay if self.bias_decay else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
        return [
            {"params": parameters, "lr": rate, "initial_lr": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ]


@dataclass(frozen=True)
class SGD(Optimiser):
    """Stochastic gradient descent; with ``momentum``, as in paper §5, or Nesterov's variant."""

    momentum: Share = 0.0
    nesterov: bool = False

    def at_odds(self) -> list[str]:
        wrong = self.nesterov and self.momentum == 0
        return [f"nesterov needs momentum, which is {self.momentum}"] if wrong else []

    def made_for(self, named: Named, fused: bool | None = None) -> list[torch.optim.Optimizer]:
        groups, momentum = self.groups(named), self.momentum
        return [torch.optim.SGD(groups, momentum=momentum, nesterov=self.nesterov, fused=fused)]


@dataclass(frozen=True)
class Adam(Optimiser):
    """Kingma & Ba 2015. ``weight_decay`` is added to the gradients, as an L2 penalty would be."""

    beta1: Share = 0.9
    beta2: Share = 0.999
    kind: ClassVar[type[torch.optim.Adam]] = torch.optim.Adam

    def made_for(self, named: Named, fused: bool | None = None) -> list[torch.optim.Optimizer]:
        options: dict[str, Any] = {"betas": (self.beta1, self.beta2), "fused": fused}
        return [self.kind(self.groups(named), **options)]


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam that takes ``weight_decay`` from the weights themselves (Loshchilov & Hutter 2019)."""

    kind: ClassVar[type[torch.optim.Adam]] = torch.optim.AdamW


@dataclass(frozen=True)
class Muon(Optimiser):
    """Momentum whose step is made orthogonal, matrix by matrix (Jordan et al. 2024).

    It moves the kernels of convolutions, each layer's as one matrix: a row for each kernel, and
    all of its weights, over channels and places, side by side. ``others`` moves the rest. Among
    that are the fully connected layers: a step of theirs would take many times the arithmetic,
    since it multiplies matrices of 4,096 × 4,096 with each other.
    """

    others: Optimiser
    momentum: Share = 0.95
    nesterov: bool = True

    def at_odds(self) -> list[str]:
        if self.bias_rate == 1 and self.bias_decay:
            return []
        return ["it moves no biases; give bias_rate and bias_decay to its others"]

    def at_times(self, factor: float) -> "Muon":
        return replace(super().at_times(factor), others=self.others.at_times(factor))

    def made_for(self, named: Named, fused: bool | None = None) -> list[torch.optim.Optimizer]:
        kernels = [(name, p) for name, p in named if p.ndim == 4 and p.requires_grad]
        if not kernels:
            raise ValueError("Muon moves the kernels of convolutions, and the network has none")
        moved = {name for name, _ in kernels}
        rest = [(name, p) for name, p in named if name not in moved]
        own = _OrthogonalMomentum(self.groups(kernels), self.momentum, self.nesterov)
        return [own, *self.others.made_for(rest, fused)]


class _OrthogonalMomentum(torch.optim.Optimizer):
    """:class:`torch.optim.Muon` for kernels, and in float32.

    PyTorch's takes matrices only, and multiplies in bfloat16, which a processor without such
    numbers does some fifteen times slower.
    """

    def __init__(self, groups: list[dict[str, Any]], momentum: float, nesterov: bool) -> None:
        super().__init__(groups, {"momentum": momentum, "nesterov": nesterov})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for kernels in group["params"]:
                if kernels.grad is None:
                    continue
                state, momentum = self.state[kernels], group["momentum"]
                if not state:
                    state["velocity"] = torch.zeros_like(kernels)
                velocity = state["velocity"]
                velocity.lerp_(kernels.grad, 1 - momentum)
                towards = kernels.grad.lerp(velocity, momentum) if group["nesterov"] else velocity
                step = orthogonal(towards.flatten(1))
                kernels.mul_(1 - group["lr"] * group["weight_decay"])
                rows, columns = step.shape
                rate = group["lr"] * max(1, rows / columns) ** 0.5
                kernels.add_(step.view_as(kernels), alpha=-rate)


def orthogonal(matrix: Tensor) -> Tensor:
    """``matrix`` with its singular values all brought near 1, between about 0.7 and 1.2.

    Five rounds of X ← (a + b X Xᵀ + c (X Xᵀ)²) X, with Jordan's a, b and c, which need no
    decomposition. Each round's bracket is a polynomial in the first X Xᵀ, so all five are worked
    out on that small square matrix, and the large one is multiplied twice in all. A singular value
    below a thousandth of the matrix's norm is multiplied by some 500, and stays smaller.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    matrix = matrix.to(torch.promote_types(matrix.dtype, torch.float32))
    matrix = matrix / matrix.norm().clamp(min=1e-7)
    square = matrix @ matrix.T
    whole = torch.eye(len(square), dtype=square.dtype, device=square.device)
    a, b, c = 3.4445, -4.775, 2.0315
    for _ in range(5):
        bracket = torch.addmm(square, square, square, beta=b, alpha=c)
        bracket.diagonal().add_(a)
        whole = bracket @ whole
        square = bracket @ square @ bracket
    return whole @ matrix


@dataclass(frozen=True)
class Lookahead(Spec):
    """Averaged weights, from which training goes on (Zhang et al. 2019).

    After every ``every`` steps of the optimiser the average moves towards the weights, by ``share``
    of the way, and the weights take its place. Whoever measures between two such steps sees the
    weights.
    """

    every: Count = 5
    share: Inside = 0.5

    def made_for(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """To be stepped after the optimisers that move ``parameters``."""
        return _Average(parameters, self.every, self.share)


class _Average(torch.optim.Optimizer):
    """Its ``lr`` is what a schedule may set, and nobody uses."""

    def __init__(self, parameters: Iterable[nn.Parameter], every: int, share: float) -> None:
        defaults = {"lr": 0.0, "initial_lr": 0.0, "every": every, "share": share}
        super().__init__([p for p in parameters if p.requires_grad], defaults)

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for weights in group["params"]:
                state = self.state[weights]
                if not state:
                    state |= {"steps": 0, "average": weights.clone()}
                state["steps"] += 1
                if state["steps"] % group["every"] == 0:
                    weights.copy_(state["average"].lerp_(weights, group["share"]))
