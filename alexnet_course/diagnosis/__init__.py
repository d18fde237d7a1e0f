"""What looks wrong in a program that trains a network: :func:`diagnose`.

It asks a detector for each of 27 kinds of fault, in :data:`~alexnet_course.diagnosis.kinds.KINDS`,
and works with any ``nn.Module``, loader and loop. It looks at few images and few steps, and says
nothing of faults that show only later.
"""

import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from alexnet_course.architectures import Architecture
from alexnet_course.data.images import ImageData
from alexnet_course.diagnosis.kinds import KINDS, Kind
from alexnet_course.diagnosis.program import GIVEN, NotSeen, Program, of_parts, of_recipe
from alexnet_course.diagnosis.seen import Seen
from alexnet_course.diagnosis.watching import Watcher
from alexnet_course.network import build
from alexnet_course.recipes import Recipe

SECONDS = 20.0


@dataclass(frozen=True)
class Finding:
    """A fault that shows: its kind, and the line of evidence."""

    kind: Kind
    evidence: str

    def __str__(self) -> str:
        return (
            f"{self.kind.what}\n  seen: {self.evidence}\n  do: {self.kind.mend}\n"
            f"  see: chapter {self.kind.chapter} ({self.kind.name})"
        )


@dataclass(frozen=True)
class Diagnosis:
    """What was found, in the order of the table; why some kinds could not be looked at (by their
    names); and the ``seconds`` that it took.
    """

    findings: tuple[Finding, ...]
    unseen: dict[str, str]
    seconds: float

    @property
    def names(self) -> list[str]:
        """The names of the kinds that were found."""
        return [finding.kind.name for finding in self.findings]

    def __str__(self) -> str:
        looked = len(KINDS) - len(self.unseen)
        parts = [f"{number}. {finding}" for number, finding in enumerate(self.findings, 1)]
        if not parts:
            parts = [
                f"Nothing looks wrong: {looked} of {len(KINDS)} kinds of fault were looked for."
            ]
        by_reason: dict[str, list[str]] = {}
        for name, reason in self.unseen.items():
            by_reason.setdefault(reason, []).append(name)
        parts += [f"not looked at: {', '.join(n)} ({why})" for why, n in by_reason.items()]
        return "\n".join(parts)


def diagnose(
    network: nn.Module | Architecture,
    data: ImageData | Iterable[Any],
    recipe: Recipe | None = None,
    *,
    loss: Callable[..., Any] | None = None,
    optimiser: Any = None,
    test: Iterable[Any] | None = None,
    scheduler: Any = None,
    train: Callable[..., Any] | None = None,
    evaluate: Callable[..., Any] | None = None,
    seconds: float = SECONDS,
) -> Diagnosis:
    """What looks wrong when ``network`` is trained, in at most about ``seconds``.

    ``data`` are images of the course with a ``recipe``, or any iterable of batches, such as a
    ``DataLoader``; the more of the rest is given, the more can be seen. ``optimiser`` is PyTorch's,
    a list of such, or a function of the parameters. ``train`` and ``evaluate`` are your functions:
    they are called with what their parameters ask for by usual names (``model``, ``loader``,
    ``criterion``, ``optimizer``, ``epochs``, ``checkpoint`` …), watched, and cut short after a few
    batches. ``evaluate`` returns an accuracy, as a share or in per cent. Without ``train``, the
    usual loop is tried. The network and the optimiser are put back to where they were.
    """
    if isinstance(network, Architecture):
        first = recipe.first_weights if recipe else None
        network = build(network, seed=0, first_weights=first)
    if isinstance(data, ImageData):
        if recipe is None:
            raise ValueError(f"{data.name!r} needs a recipe; give one, or a DataLoader of batches")
        return examine(of_recipe(network, data, recipe), seconds)
    if recipe is not None:
        raise ValueError("a recipe goes with images of the course; give loss and optimiser instead")
    given = dict(zip(GIVEN, (data, test, loss, optimiser, scheduler, train, evaluate)))
    program = of_parts(network, {k: v for k, v in given.items() if v is not None}, {})
    return examine(program, seconds)


def examine(
    program: Program, seconds: float = SECONDS, watched: Watcher | None = None
) -> Diagnosis:
    """:func:`diagnose` of a :class:`Program`; ``watched`` is what its loop was seen to do."""
    start = time.monotonic()
    training = program.network.training
    state = torch.random.get_rng_state()
    seen = Seen(program, seconds / 3, watched)
    found: dict[str, str] = {}
    unseen: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in sorted(KINDS.values(), key=lambda kind: not kind.of_images):  # the quick first
            if time.monotonic() - start > seconds:
                unseen[kind.name] = f"{seconds:g} seconds were over"
                continue
            try:
                if evidence := kind.detector(seen):
                    found[kind.name] = evidence
            except NotSeen as reason:
                unseen[kind.name] = str(reason)
            except Exception as error:
                unseen[kind.name] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    seen.restore()
    program.network.train(training)
    torch.random.set_rng_state(state)
    told = tuple(
        Finding(kind, found[name])
        for name, kind in KINDS.items()
        if name in found and not set(kind.hidden_by) & found.keys()
    )
    return Diagnosis(told, unseen, time.monotonic() - start)


__all__ = ["KINDS", "Diagnosis", "Finding", "Kind", "Program", "diagnose", "examine"]
