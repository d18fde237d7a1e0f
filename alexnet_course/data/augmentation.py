"""From stored pixels to what a network is given: augmentation and scaling, a whole batch at once.

The random draws of a whole epoch are made on the CPU, one for each image, and sent to the device
together: a seed gives the same batches on every device, and no step waits for a draw.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor


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
    return crop(F.pad(images, (pixels,) * 4), *images.shape[2:], offsets)


def centre_crop(images: Tensor, size: int) -> Tensor:
    """The middle ``size`` × ``size`` pixels; what is left over is rounded down above and left."""
    top, left = ((side - size) // 2 for side in images.shape[2:])
    return images[:, :, top : top + size, left : left + size]


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


@dataclass(frozen=True)
class Draws:
    """One epoch's random draws, an entry for each image in the order of training.

    ``mirrored`` and ``upside_down``: bool ``[N]``; ``offsets``: int64 ``[N, 2]`` in pixels, see
    :func:`crop`, where there is a ``size`` to cut to, else :func:`shift`; ``colours``: float
    ``[N, 3]``, added to the channels in units of full brightness. ``None`` where a recipe does
    not ask for it.
    """

    pixels: int
    size: int | None
    mirrored: Tensor | None
    upside_down: Tensor | None
    offsets: Tensor | None
    colours: Tensor | None

    @classmethod
    def make(
        cls,
        count: int,
        generator: torch.Generator,
        flips: bool = False,
        vertical_flips: bool = False,
        pixels: int = 0,
        colours: Tensor | None = None,
        device: torch.device | str = "cpu",
        size: int | None = None,
        spare: int = 0,
        shared: int = 1,
    ) -> "Draws":
        """Draw for ``count`` images: flips, each with probability one half, a shift by up to
        ``pixels`` each way, and a colour: normal draws times ``colours`` (``[3, 3]``, columns).

        With ``size``, places to cut that many pixels out of images with ``spare`` more, in place
        of shifts. ``shared`` consecutive images have flips and places in common.
        """
        groups = -(-count // shared)
        most = 2 * pixels if size is None else spare
        mirrored, upside_down = (
            torch.rand(groups, generator=generator) < 0.5 if wanted else None
            for wanted in (flips, vertical_flips)
        )
        offsets = torch.randint(0, most + 1, (groups, 2), generator=generator) if most else None
        mirrored, upside_down, offsets = (
            None if part is None else part.repeat_interleave(shared, 0)[:count]
            for part in (mirrored, upside_down, offsets)
        )
        added = (
            torch.randn(count, 3, generator=generator) @ colours.T if colours is not None else None
        )
        drawn = (
            None if part is None else part.to(device)
            for part in (mirrored, upside_down, offsets, added)
        )
        return cls(pixels, size, *drawn)

    def augment(self, images: Tensor, which: slice) -> tuple[Tensor, Tensor | None]:
        """``images`` (uint8), flipped and moved by the draws ``which``, and their colours."""
        if self.mirrored is not None:
            images = flip(images, self.mirrored[which])
        if self.upside_down is not None:
            images = flip(images, self.upside_down[which], upside_down=True)
        if self.offsets is not None and self.size is None:
            images = shift(images, self.pixels, self.offsets[which])
        elif self.offsets is not None:
            images = crop(images, self.size, self.size, self.offsets[which])
        return images, None if self.colours is None else self.colours[which]


@dataclass(frozen=True)
class Preparation:
    """Scales uint8 images to what the network gets: ``(pixel / 255 − mean) / std`` by channel.

    ``mean`` and ``std`` are float tensors ``[1, channels, 1, 1]``, in units of full brightness.
    With ``crop``, larger images are first cut to their middle ``crop`` × ``crop`` pixels; with
    ``size``, images are at last brought to ``size`` × ``size`` pixels, bilinearly.
    """

    mean: Tensor
    std: Tensor
    size: int | None = None
    crop: int | None = None

    @classmethod
    def of(
        cls, scaling: str, images: Tensor, size: int | None = None, crop: int | None = None
    ) -> "Preparation":
        """``"minus-one-to-one"``; ``"per-channel"``: mean 0 and deviation 1 over ``images``; or
        ``"centred"``: pixels from 0 to 255 less their channel's mean, and nothing else (paper §2,
        where the mean is each pixel's own).
        """
        channels = images.shape[1]
        if scaling == "minus-one-to-one":
            half = torch.full((1, channels, 1, 1), 0.5)
            return cls(half, half, size, crop)
        if scaling in ("per-channel", "centred"):
            counts = torch.stack(
                [images[:, c].flatten().bincount(minlength=256) for c in range(channels)]
            )
            shares = counts.double() / counts.sum(1, keepdim=True)
            levels = torch.arange(256, device=images.device).double() / 255
            mean = (shares * levels).sum(1, keepdim=True)
            std = (shares * (levels - mean) ** 2).sum(1).sqrt().clamp_min(1 / 255)
            if scaling == "centred":
                std = torch.full_like(std, 1 / 255)
            mean, std = (x.float().view(1, channels, 1, 1) for x in (mean, std))
            return cls(mean, std, size, crop)
        raise ValueError(
            f"scaling {scaling!r} is unknown; choose 'minus-one-to-one', 'per-channel' or 'centred'"
        )

    def to(self, device: torch.device) -> "Preparation":
        return replace(self, mean=self.mean.to(device), std=self.std.to(device))

    def __call__(self, images: Tensor, colours: Tensor | None = None) -> Tensor:
        """uint8 ``[N, C, H, W]`` to float32, channels last in memory.

        ``colours`` (``[N, C]``, in units of full brightness) are added first: see :class:`Draws`.
        """
        if self.crop is not None:
            images = centre_crop(images, self.crop)
        brightness = images.float() / 255
        if colours is not None:
            brightness = brightness + colours[:, :, None, None]
        scaled = (brightness - self.mean) / self.std
        if self.size is not None:
            scaled = F.interpolate(scaled, size=(self.size, self.size), mode="bilinear")
        return scaled.contiguous(memory_format=torch.channels_last)
