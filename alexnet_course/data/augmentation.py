"""From stored pixels to what a network is given: augmentation and scaling, a whole batch at once.

The random draws are made on the CPU, one for each image, so that a seed gives the same batches
on every device.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability one half (paper §4.1)."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(3), images)


def shift(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Move each image by up to ``pixels`` each way, over a black border.

    The 32-pixel form of the paper's random crops (§4.1): pad by ``pixels``, crop at random.
    """
    count, _, height, width = images.shape
    down, right = torch.randint(0, 2 * pixels + 1, (2, count), generator=generator).to(
        images.device
    )
    crops = F.pad(images, (pixels,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    return crops[torch.arange(count, device=images.device), :, down, right]


@dataclass(frozen=True)
class Preparation:
    """Scales uint8 images to what the network gets: ``(pixel / 255 − mean) / std`` by channel.

    ``mean`` and ``std`` are float tensors ``[1, channels, 1, 1]``, in units of full brightness.
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, scaling: str, images: Tensor) -> "Preparation":
        """``"minus-one-to-one"``, or ``"per-channel"``: mean 0 and deviation 1 over ``images``."""
        channels = images.shape[1]
        if scaling == "minus-one-to-one":
            half = torch.full((1, channels, 1, 1), 0.5)
            return cls(half, half)
        if scaling == "per-channel":
            stats = [torch.std_mean(images[:, c].float() / 255) for c in range(channels)]
            std, mean = (torch.stack(part).view(1, channels, 1, 1) for part in zip(*stats))
            return cls(mean, std.clamp_min(1 / 255))
        raise ValueError(
            f"scaling {scaling!r} is unknown; choose 'minus-one-to-one' or 'per-channel'"
        )

    def to(self, device: torch.device) -> "Preparation":
        return Preparation(self.mean.to(device), self.std.to(device))

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 ``[N, C, H, W]`` to float32 of the same shape, channels last in memory."""
        scaled = (images.float() / 255 - self.mean) / self.std
        return scaled.contiguous(memory_format=torch.channels_last)
