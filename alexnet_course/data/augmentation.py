"""Augmentation: how training images change at random, as data, and what makes each change.

The random draws of a whole epoch are made on the CPU, one for each image, and sent to the device
together: a seed gives the same batches on every device, and no step waits for a draw. A new kind is
one class in here: its settings, and :meth:`Augmentation.made_for`.

Batches are ``[N, channels, height, width]``, uint8 or, once a change needs fractions, float32 in
units of full brightness.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_course.fields import Count, Positive, Spec


def brightness(images: Tensor) -> Tensor:
    """uint8 pixels as float32 from 0 to 1; float images as they are."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def flip(images: Tensor, mirrored: Tensor, upside_down: bool = False) -> Tensor:
    """Mirror left to right the images for which ``mirrored`` (bool ``[N]``) is true.

    With ``upside_down``, top to bottom: right for satellite images, wrong for faces.
    """
    axis = 2 if upside_down else 3
    return torch.where(mirrored[:, None, None, None], images.flip(axis), images)


def crop(images: Tensor, height: int, width: int, offsets: Tensor) -> Tensor:
    """Cut ``height`` × ``width`` pixels out of each image (paper §4.1).

    ``offsets`` (int64 ``[N, 2]``) count the rows above and the columns left of what is kept.
    """
    crops = images.unfold(2, height, 1).unfold(3, width, 1)
    place = torch.arange(len(images), device=images.device)
    return crops[place, :, offsets[:, 0], offsets[:, 1]]


def shift(images: Tensor, pixels: int, offsets: Tensor) -> Tensor:
    """Move each image by up to ``pixels`` each way, over a black border.

    The paper's random crops (§4.1) for images that have no pixels to spare: pad by ``pixels``,
    crop at ``offsets`` (int64 ``[N, 2]``, down and right, each from 0 to ``2 · pixels``).
    """
    height, width = images.shape[2:]
    return crop(F.pad(images, (pixels,) * 4), height, width, offsets)


def spare_pixels(images: Tensor, side: int) -> int:
    """By how many pixels the shorter side of ``images`` is longer than ``side``."""
    shorter = min(images.shape[2:])
    if shorter < side:
        raise ValueError(
            f"a crop cuts {side} pixels out of images of {shorter}; its side must be at most theirs"
        )
    return shorter - side


def cut_out(images: Tensor, side: int, centres: Tensor, filling: Tensor) -> Tensor:
    """Paint a square of ``side`` pixels of each image with ``filling`` (``[channels]``).

    ``centres`` (int64 ``[N, 2]``) are the row and column of its middle, of a square of even side
    those below and right of it; what lies outside the image is lost.
    """
    inside = []
    for axis, size in enumerate(images.shape[2:]):
        away = torch.arange(size, device=images.device) - centres[:, axis, None] + side // 2
        inside.append((away >= 0) & (away < side))
    rows, columns = inside
    covered = rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(covered, filling[:, None, None].to(images.dtype), images)


def mean_and_deviation(images: Tensor) -> tuple[Tensor, Tensor]:
    """Of each channel of ``images`` (uint8): float64 ``[channels]``, full brightness being 1."""
    channels = images.transpose(0, 1).flatten(1)
    counts = torch.stack([channel.bincount(minlength=256) for channel in channels])
    shares = counts.double() / counts.sum(1, keepdim=True)
    levels = torch.arange(256, device=images.device).double() / 255
    mean = (shares * levels).sum(1, keepdim=True)
    return mean.flatten(), (shares * (levels - mean) ** 2).sum(1).sqrt()


def colour_directions(images: Tensor) -> Tensor:
    """The principal directions of the colours of ``images`` (uint8 ``[N, 3, H, W]``).

    Columns of a ``[3, 3]`` float32 tensor, widest last: each a unit eigenvector of the covariance
    of all pixels, times its standard deviation, in units of full brightness. The paper (§4.1)
    writes eigenvalues; the released 2012 code multiplies by what it calls standard deviations,
    which have the unit of a colour.
    """
    if images.shape[1] != 3:
        raise ValueError(f"colour directions need 3 channels, got {images.shape[1]}")
    count, total, products = 0, torch.zeros(3, dtype=torch.double), torch.zeros(3, 3).double()
    for part in images.split(5000):
        pixels = part.permute(1, 0, 2, 3).reshape(3, -1).double() / 255
        count += pixels.shape[1]
        total += pixels.sum(1)
        products += pixels @ pixels.T
    mean = total / count
    variances, vectors = torch.linalg.eigh(products / count - mean.outer(mean))
    return (vectors * variances.clamp_min(0).sqrt()).float()


Draw = Callable[[int, torch.Generator], Tensor]
Change = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Augmentation(Spec, ABC):
    """What all have in common: ``shared`` images in a row have a draw in common, as 32 have in the
    released 2012 code.
    """

    shared: Count = field(default=1, kw_only=True)

    @abstractmethod
    def made_for(self, images: Tensor) -> tuple[Draw, Change]:
        """How to draw and how to change, for a data set with training ``images`` (uint8).

        ``draw(count, generator)`` gives a tensor with a row for each of ``count`` images, and
        ``change(images, draws)`` a batch, changed by as many of those rows.
        """


@dataclass(frozen=True)
class Flip(Augmentation):
    """Mirror left to right, every other image (paper §4.1)."""

    def made_for(self, images: Tensor) -> tuple[Draw, Change]:
        return _heads_or_tails, flip


@dataclass(frozen=True)
class VerticalFlip(Augmentation):
    """Turn upside down, every other image: right for satellite images, wrong for faces."""

    def made_for(self, images: Tensor) -> tuple[Draw, Change]:
        return _heads_or_tails, lambda batch, turned: flip(batch, turned, upside_down=True)


def _heads_or_tails(count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) < 0.5


@dataclass(frozen=True)
class Shift(Augmentation):
    """Move by up to ``pixels`` each way, over a black border: see :func:`shift`."""

    pixels: Count

    def made_for(self, images: Tensor) -> tuple[Draw, Change]:
        return _places(2 * self.pixels), lambda batch, at: shift(batch, self.pixels, at)


@dataclass(frozen=True)
class Crop(Augmentation):
    """Cut ``side`` × ``side`` pixels out, at a random place (paper §4.1).

    Images to be measured with keep their size, unless the recipe's preparation has
    :class:`~alexnet_course.data.preparation.CentreCrop`.
    """

    side: Count

    def made_for(self, images: Tensor) -> tuple[Draw, Change]:
        spare = spare_pixels(images, self.side)
        return _places(spare), lambda batch, at: crop(batch, self.side, self.side, at)


def _places(most: int) -> Draw:
    """Rows and columns from 0 to ``most``."""
    return lambda count, generator: torch.randint(0, most + 1, (count, 2), generator=generator)


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Paint a square of ``side`` pixels in the images' mean colour; its middle lies anywhere in
    the image (DeVries & Taylor 2017).
    """

    side: Count

    def made_for(self, images: Tensor) -> tuple[Draw, Change]:
        sizes = torch.tensor(images.shape[2:])
        mean, _ = mean_and_deviation(images)

        def draw(count: int, generator: torch.Generator) -> Tensor:
            return (torch.rand(count, 2, generator=generator) * sizes).long()

        def change(batch: Tensor, centres: Tensor) -> Tensor:
            colour = (255 * mean).round() if batch.dtype == torch.uint8 else mean
            return cut_out(batch, self.side, centres, colour.to(batch.device))

        return draw, change


@dataclass(frozen=True)
class Colour(Augmentation):
    """Add to all pixels of an image one colour: along each of :func:`colour_directions`, a normal
    draw of ``deviation`` (paper §4.1: 0.1).
    """

    deviation: Positive

    def made_for(self, images: Tensor) -> tuple[Draw, Change]:
        directions = self.deviation * colour_directions(images)

        def draw(count: int, generator: torch.Generator) -> Tensor:
            return torch.randn(count, 3, generator=generator) @ directions.T

        return draw, lambda batch, added: brightness(batch) + added[:, :, None, None]


class Augmenter:
    """Makes the changes that ``parts`` name, one after another, epoch by epoch; ``images`` (uint8)
    are those of the training set, for their size and colours.
    """

    def __init__(self, parts: Sequence[Augmentation], images: Tensor) -> None:
        self.parts = [(part.shared, *part.made_for(images)) for part in parts]

    def epoch(
        self, count: int, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> Callable[[Tensor, slice], Tensor]:
        """Draw for ``count`` images, in the order of training. Gives ``change(batch, which)``,
        where ``which`` says which of them are in the batch.
        """
        drawn = [
            (change, draw(-(-count // n), generator).repeat_interleave(n, 0)[:count].to(device))
            for n, draw, change in self.parts
        ]

        def augment(batch: Tensor, which: slice) -> Tensor:
            for change, draws in drawn:
                batch = change(batch, draws[which])
            return batch

        return augment
