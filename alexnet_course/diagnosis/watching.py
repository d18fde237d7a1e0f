"""Watching a training loop that somebody else wrote: nothing of it needs to be known beforehand.

While a :class:`Watcher` is entered, every call of ``backward``, every pass through a network, every
step of an optimiser and every loss of PyTorch's is noted, and loaders end after a few batches.
Nothing is written by ``torch.save``, so that a short run can't replace the result of a long one.
"""

import copy
import gc
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as modules
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader

STEPS, BATCHES = 30, 8  # that are watched: in all, and of an epoch
FED = 2**24  # values of images that are kept, where no loader has them


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
    """One pass through the outermost module: its mode, whether gradients were wanted, and the
    loader that had given a batch last (its ``id``; 0 if none had).
    """

    training: bool
    graded: bool
    kind: type[nn.Module]
    loader: int


@dataclass
class Count:
    """Right answers of one pass over a loader, and the sizes, batch by batch."""

    right: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Those of a batch, by the largest output of each image."""
        self.right.append(int((outputs.detach().argmax(1).cpu() == labels.cpu()).sum()))
        self.sizes.append(len(labels))

    @property
    def true(self) -> float:
        """The share of right answers, in per cent."""
        return 100 * sum(self.right) / sum(self.sizes)

    @property
    def mean(self) -> float:
        """The mean of the batches' shares, in per cent."""
        return 100 * sum(r / n for r, n in zip(self.right, self.sizes)) / len(self.sizes)

    @property
    def batches(self) -> str:
        """How many there are, in words."""
        return f"{len(self.sizes)} batches, the last of which has {self.sizes[-1]} images"


class Tee:
    """What is printed, kept as it goes on to where it went."""

    def __init__(self, out: Any) -> None:
        self.out, self.parts = out, []  # type: ignore[var-annotated]

    def write(self, text: str) -> int:
        self.parts.append(text)
        return self.out.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.out, name)


@dataclass(eq=False)
class Watcher(TorchFunctionMode):
    """What a loop does to ``network``, or to the first one that is seen, if ``None``.

    With ``saves``, what it saves is written.
    """

    network: nn.Module | None
    most: int = STEPS
    batches: int = BATCHES
    seconds: float = 10.0
    saves: bool = False
    steps: list[Step] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    optimisers: list[torch.optim.Optimizer] = field(default_factory=list)
    started: list[dict[str, Any]] = field(default_factory=list)  # their states before the first
    choices: Counter = field(default_factory=Counter)  # dimensions that argmax and max were given
    loaders: dict[int, DataLoader] = field(default_factory=dict)
    epochs: Counter = field(default_factory=Counter)
    called: list[str] = field(default_factory=list)  # of the calls of set_epoch
    counts: dict[tuple[int, int], Count] = field(default_factory=lambda: defaultdict(Count))
    trained: list[int] = field(default_factory=list)  # ids of loaders whose batches were learned
    made: list[DataLoader] = field(default_factory=list)
    fed: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # batches of no loader
    error: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self._depth, self._now = 0, 0
        self._inputs: Tensor | None = None
        self._labels: Tensor | None = None
        self._first: nn.Module | None = None
        self._outermost: list[nn.Module] = []
        self.printed = ""
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
        self._iterate, create = DataLoader.__iter__, DataLoader.__init__

        def created(loader: DataLoader, *arguments: Any, **options: Any) -> None:
            create(loader, *arguments, **options)
            self.made.append(loader)

        self._said = Tee(sys.stdout)
        others: list[tuple[Any, str, Any]] = [(DataLoader, "__init__", created)]
        others += [(DataLoader, "__iter__", lambda loader: self._few(loader))]
        others += [(sys, "stdout", self._said)]
        if not self.saves:
            others += [(torch, "save", lambda *_, **__: None)]
        self._replaced = [(place, name, getattr(place, name)) for place, name, _ in others]
        for place, name, value in others:
            setattr(place, name, value)
        super().__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        super().__exit__(kind, error, trace)
        for hook in self._hooks:
            hook.remove()
        for place, name, value in self._replaced:
            setattr(place, name, value)
        self.printed += "".join(self._said.parts)
        if isinstance(error, Exception):
            self.error = error
        return isinstance(error, (Exception, Enough, SystemExit))

    # What was seen

    @property
    def tested(self) -> list[Pass]:
        """Passes that nothing learned from: without gradients, or of a loader only for tests."""
        others = [p.loader for p in self.passes if self.trained and p.loader]
        others = [loader for loader in others if loader not in self.trained]
        return [p for p in self.passes if not p.graded or p.loader in others]

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
        self.settle()
        named = dict(self.network.named_parameters()) if self.network is not None else {}
        values = {name: x.detach() for name, x in named.items()}
        self.first = self.first or {name: x.clone() for name, x in values.items()}
        moved = {
            name: ((x - self._before[name]).norm() / (self._before[name].norm() + 1e-12)).item()
            for name, x in values.items()
            if name in self._before and x.is_floating_point()
        }
        left = [x.grad for name, x in named.items() if x.grad is not None and moved.get(name)]
        norm = torch.stack([x.detach().norm() for x in left]).norm().item() if left else 0.0
        self._before = {name: x.clone() for name, x in values.items()}
        if self._now and self._now not in self.trained:
            self.trained.append(self._now)
        rates = tuple(float(group["lr"]) for o in self.optimisers for group in o.param_groups)
        plain, label = self._plain()
        epoch = self.epochs[self._now]
        step = Step(float(loss.detach()), plain, self._mode, norm, moved, rates, epoch, label)
        self.steps.append(step)

    def settle(self) -> None:
        """Which network this is about, if none was given: the last that images went through."""
        if self.network is None and self._outermost:
            self.network = whole(self._outermost)

    def _plain(self) -> tuple[float | None, int | None]:
        """The cross-entropy of the outputs that were scored last, and their first label."""
        if self._scored is None:
            return None, None
        scores, target = self._scored
        if target.ndim != 1 or scores.ndim != 2 or target.dtype != torch.int64:
            return None, None
        self._feed(target)
        return _cross_entropy(scores, target), int(target[0])

    def _feed(self, labels: Tensor) -> None:
        """Keep what went in, where it comes from no loader."""
        images = self._inputs
        kept = sum(x.numel() for x, _ in self.fed)
        if not self._now and images is not None and len(images) == len(labels) and kept < FED:
            self.fed.append((images.detach(), labels.detach()))

    def _stepping(self, optimiser: torch.optim.Optimizer, *_: Any) -> None:
        if not any(optimiser is one for one in self.optimisers):
            self.optimisers.append(optimiser)
            self.started.append(copy.deepcopy(optimiser.state_dict()))

    def _enters(self, module: nn.Module, inputs: Any) -> None:
        if time.monotonic() > self._end and self.most:
            raise Enough
        self._depth += 1
        if self._depth > 1:
            return
        learns = torch.is_grad_enabled() and next(module.parameters(), None) is not None
        if self.network is None and learns:
            self._outermost.append(module)
        if inputs and isinstance(inputs[0], Tensor):
            self._first = self._first or module
            self._inputs = inputs[0] if module is self._first else self._inputs

    def _leaves(self, module: nn.Module, _: Any, output: Any) -> None:
        self._depth -= 1
        owns = next(module.parameters(), None) is not None
        if self._depth > 0 or not (owns or module is self.network):
            return
        self._mode = module.training
        self.passes.append(Pass(module.training, torch.is_grad_enabled(), type(module), self._now))
        if module is self.network or module in self._outermost[-1:]:
            self._count(output)

    def _count(self, output: Any) -> None:
        """How many answers to the batch that was given last are right."""
        labels = self._labels
        if isinstance(output, (tuple, list)) and output:
            output = output[0]
        if labels is None or not isinstance(output, Tensor) or output.ndim != 2:
            return
        if labels.ndim == 1 and len(output) == len(labels):
            self.counts[self._now, self.epochs[self._now]].add(output, labels)
            self._labels = None

    def _few(self, loader: DataLoader) -> Iterator[Any]:
        """The first batches of ``loader`` and its last, made in this process."""
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
        if loader.batch_sampler is not None and _length(loader) > self.batches:
            order = list(made._sampler_iter)
            made._sampler_iter = iter([*order[: self.batches - 1], order[-1]])
        for number, batch in zip(range(self.batches), made):
            if number and time.monotonic() > self._end:
                return
            self._now = id(loader)
            self._labels = labels_of(batch)
            yield batch


def _cross_entropy(scores: Tensor, target: Tensor) -> float | None:
    inside = (target >= 0) & (target < scores.shape[1])
    return F.cross_entropy(scores.float(), target).item() if bool(inside.all()) else None


def whole(parts: list[nn.Module]) -> nn.Module:
    """The network, or what several are parts of, where ``forward`` of the whole was called."""
    one = parts[-1]
    if all(x is one for x in parts):
        return one
    wholes = [x for x in gc.get_objects() if isinstance(x, nn.Module) and one in x.modules()]
    return max(wholes, key=lambda x: sum(1 for _ in x.modules()))


def _length(loader: DataLoader) -> int:
    """Its batches, as far as they are known; some have no end."""
    try:
        return len(loader)
    except (TypeError, NotImplementedError):
        return 0


def labels_of(batch: Any) -> Tensor | None:
    """The labels of a batch of images and labels, if they are whole numbers."""
    values = list(batch.values()) if isinstance(batch, dict) else batch
    if not isinstance(values, (tuple, list)):
        return None
    found = [x for x in values if isinstance(x, Tensor) and x.dtype == torch.int64 and x.ndim == 1]
    return found[0] if found else None
