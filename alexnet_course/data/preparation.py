"""Preparation: what is done to every image before a network sees it, in training and after.

A new kind is one class in here: its settings, and :meth:`Preparing.made_for`; a scaling has
:meth:`Scaling.mean_and_divisor` instead. Batches are ``[N, channels, height, width]``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_course.data.augmentation import brightness, mean_and_deviation, spare_pixels
from alexnet_course.fields import Count, Positive, Spec


@dataclass(frozen=True)
class Preparing(Spec, ABC):
    """One step on the way from stored pixels to a network's input."""

    @abstractmethod
    def made_for(self, images: Tensor, device: torch.device) -> Callable[[Tensor], Tensor]:
        """What it does to a batch on ``device``; ``images`` (uint8) are those to learn from."""


def centre_crop(images: Tensor, side: int) -> Tensor:
    """The middle ``side`` × ``side`` pixels; what is left over is rounded down above and left."""
    top, left = ((size - side) // 2 for size in images.shape[2:])
    return images[:, :, top : top + side, left : left + side]


@dataclass(frozen=True)
class CentreCrop(Preparing):
    """The middle ``side`` × ``side`` pixels of larger images; images of that size as they are."""

    side: Count

    def made_for(self, images: Tensor, device: torch.device) -> Callable[[Tensor], Tensor]:
        spare_pixels(images, self.side)
        return lambda batch: centre_crop(batch, self.side)


@dataclass(frozen=True)
class Resize(Preparing):
    """Bring images to ``size`` × ``size`` pixels, bilinearly."""

    size: Count

    def made_for(self, images: Tensor, device: torch.device) -> Callable[[Tensor], Tensor]:
        sides = (self.size, self.size)
        return lambda batch: F.interpolate(brightness(batch), size=sides, mode="bilinear")


@dataclass(frozen=True)
class Scaling(Preparing):
    """``(pixel / 255 − mean) / deviation``, channel by channel."""

    @abstractmethod
    def mean_and_divisor(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What to subtract and what to divide by, for a data set with training ``images``: float64
        ``[channels]``, in units of full brightness.
        """

    def made_for(self, images: Tensor, device: torch.device) -> Callable[[Tensor], Tensor]:
        mean, divisor = (
            x.float().view(1, -1, 1, 1).to(device) for x in self.mean_and_divisor(images)
        )
        return lambda batch: (brightness(batch) - mean) / divisor


@dataclass(frozen=True)
class MinusOneToOne(Scaling):
    """From −1 for black to 1 for white."""

    def mean_and_divisor(self, images: Tensor) -> tuple[Tensor, Tensor]:
        half = torch.full((images.shape[1],), 0.5, dtype=torch.double)
        return half, half


@dataclass(frozen=True)
class PerChannel(Scaling):
    """Mean 0 and deviation 1 over the images to learn from; a channel that is all alike, 0."""

    def mean_and_divisor(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, deviation = mean_and_deviation(images)
        return mean, deviation.clamp_min(1 / 255)


@dataclass(frozen=True)
class Centred(Scaling):
    """Pixels from 0 to 255 less their channel's mean, and nothing else (paper §2, where the mean is
    each pixel's own).
    """

    def mean_and_divisor(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, _ = mean_and_deviation(images)
        return mean, torch.full_like(mean, 1 / 255)


@dataclass(frozen=True)
class Stated(Scaling):
    """With a ``mean`` and a ``divisor`` for each channel, in units of full brightness: those of
    images that are no longer at hand.
    """

    mean: tuple[float, ...]
    divisor: tuple[Positive, ...]

    def mean_and_divisor(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return torch.tensor(self.mean).double(), torch.tensor(self.divisor).double()


def stated(part: Preparing, images: Tensor) -> Preparing:
    """``part`` as it is for a data set with training ``images``, so that it needs them no more."""
    if not isinstance(part, Scaling):
        return part
    mean, divisor = (tuple(x.tolist()) for x in part.mean_and_divisor(images))
    return Stated(mean, divisor)


class Preparation:
    """The steps ``parts`` one after another, as one function of a batch.

    ``images`` (uint8) are those to learn from, for their mean and deviation. A batch on ``device``,
    uint8 or float32 in units of full brightness, becomes float32, channels last in memory.
    """

    def __init__(
        self, parts: Sequence[Preparing], images: Tensor, device: torch.device | str = "cpu"
    ) -> None:
        self.parts, self.device = tuple(parts), torch.device(device)
        self.steps = [part.made_for(images, self.device) for part in parts]

    def __call__(self, images: Tensor) -> Tensor:
        for step in self.steps:
            images = step(images)
        return brightness(images).contiguous(memory_format=torch.channels_last)
