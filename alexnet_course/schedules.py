"""Schedules: the learning rate of each step, as data. A new one is one class in here."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from alexnet_course.fields import Count, Inside, Share, Spec

Accuracies = Sequence[float]


@dataclass(frozen=True)
class Schedule(Spec, ABC):
    """``by_validation`` says of a kind that its rates depend on accuracies of validation images."""

    by_validation: ClassVar[bool] = False

    @abstractmethod
    def rate(self, highest: float, step: int, steps: int, accuracies: Accuracies = ()) -> float:
        """The rate at ``step`` (from 0) of ``steps`` in the whole run, where ``highest`` is the
        optimiser's, and ``accuracies`` are those of the epochs that have ended.
        """


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at every step."""

    def rate(self, highest: float, step: int, steps: int, accuracies: Accuracies = ()) -> float:
        return highest


@dataclass(frozen=True)
class OneCycle(Schedule):
    """A straight climb from 1/25 of the rate over the first ``warmup`` share of all steps, then a
    straight fall to nothing (Smith & Topin 2019).
    """

    warmup: Inside = 0.25

    def rate(self, highest: float, step: int, steps: int, accuracies: Accuracies = ()) -> float:
        peak, start = self.warmup * steps, highest / 25
        if step < peak:
            return start + (highest - start) * step / peak
        return highest * (steps - step) / (steps - peak)


@dataclass(frozen=True)
class Cosine(Schedule):
    """A straight climb over the first ``warmup`` share of all steps, then half a wave of a cosine
    down to nothing (Loshchilov & Hutter 2017).
    """

    warmup: Share = 0.0

    def rate(self, highest: float, step: int, steps: int, accuracies: Accuracies = ()) -> float:
        peak = self.warmup * steps
        if step < peak:
            return highest * (step + 1) / (math.ceil(peak) + 1)
        return highest * (1 + math.cos(math.pi * (step - peak) / (steps - peak))) / 2


@dataclass(frozen=True)
class Steps(Schedule):
    """Multiplied by ``factor`` when each of the shares ``at`` of all steps has passed:
    ``Steps((0.5, 0.75))`` divides by 10 at half and at three quarters of the run.
    """

    at: tuple[Inside, ...]
    factor: Inside = 0.1

    def rate(self, highest: float, step: int, steps: int, accuracies: Accuracies = ()) -> float:
        return highest * self.factor ** sum(step >= share * steps for share in self.at)


@dataclass(frozen=True)
class Plateau(Schedule):
    """Divided by 10 when the validation accuracy has not improved for ``patience`` epochs, at most
    ``drops`` times (paper §5: three).
    """

    patience: Count = 3
    drops: Count = 3
    by_validation: ClassVar[bool] = True

    def rate(self, highest: float, step: int, steps: int, accuracies: Accuracies = ()) -> float:
        best, waited, drops = -math.inf, 0, 0
        for accuracy in accuracies:
            waited = 0 if accuracy > best else waited + 1
            best = max(best, accuracy)
            if waited == self.patience and drops < self.drops:
                drops, waited = drops + 1, 0
        return highest / 10**drops
