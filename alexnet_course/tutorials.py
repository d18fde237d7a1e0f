"""The five published tutorials: the network, the recipe and the loop that each document gives.

The recipes are run by :func:`alexnet_course.training.fit`; :func:`published_steps` is the loop as
published, one image prepared at a time, and is there to be timed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from alexnet_course.architectures import Architecture, architecture
from alexnet_course.config import look_up
from alexnet_course.data.images import Split
from alexnet_course.network import build
from alexnet_course.recipes import Recipe


@dataclass(frozen=True)
class Tutorial:
    """One document: ``best`` is its highest test accuracy in per cent, first seen at ``epoch``;
    ``data`` what the course trains it on.

    ``prepare`` makes the function that its ``DataLoader``, with ``workers`` processes, applies to
    each image (a PIL image to a float tensor).
    """

    architecture: Architecture
    recipe: Recipe
    prepare: Callable[[], Callable]
    workers: int = 0
    best: float | None = None
    epoch: int | None = None
    data: str = "CIFAR-10"


def _by_numpy() -> Callable:
    def prepare(image):
        pixels = (np.array(image, dtype="float32") / 255 - 0.5) / 0.5
        return torch.from_numpy(pixels.transpose(2, 0, 1))

    return prepare


def _by_torchvision(*augmentation: str, size: int | None = None) -> Callable[[], Callable]:
    """``augmentation`` names transforms of torchvision; a size and scaling to [−1, 1] surround."""

    def make() -> Callable:
        from torchvision import transforms

        known = {
            "crop": lambda: transforms.RandomCrop(32, padding=4),
            "flip": transforms.RandomHorizontalFlip,
            "vertical flip": transforms.RandomVerticalFlip,
        }
        return transforms.Compose(
            [
                *([transforms.Resize((size, size))] if size else []),
                *(known[name]() for name in augmentation),
                transforms.ToTensor(),
                transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
            ]
        )

    return make


TUTORIALS: dict[str, Tutorial] = {
    "upscaled-227": Tutorial(
        architecture("single-tower").with_classes(10),
        Recipe(
            "published",
            epochs=500,
            batch_size=100,
            learning_rate=0.001,
            momentum=0.9,
            resize=227,
            source="tutorial upscaled-227: CIFAR-10 at 227×227, no augmentation",
        ),
        _by_torchvision(size=227),
        best=84.62,
        epoch=475,
    ),
    "two-conv": Tutorial(
        architecture("two-conv"),
        Recipe(
            "published",
            epochs=20,
            batch_size=64,
            learning_rate=0.1,
            source=(
                "tutorial two-conv: SGD without momentum, inputs scaled to [−1, 1], no augmentation"
            ),
        ),
        _by_numpy,
        best=73.26,
        epoch=19,
    ),
    "image-folder": Tutorial(
        architecture("image-folder"),
        Recipe(
            "published",
            epochs=1,
            batch_size=16,
            learning_rate=0.01,
            momentum=0.9,
            vertical_flip=True,
            resize=224,
            source=(
                "tutorial image-folder: one epoch, so that its StepLR(10, 0.5) never acts; faces "
                "turned upside down at random"
            ),
        ),
        _by_torchvision("vertical flip", size=224),
        data="drawn faces",
    ),
    "adam-augmented": Tutorial(
        architecture("adam-augmented"),
        Recipe(
            "published",
            epochs=10,
            batch_size=64,
            learning_rate=0.001,
            optimiser="adam",
            scaling="per-channel",
            flip=True,
            shift=4,
            source=(
                "tutorial adam-augmented: Adam, flips, shifted crops, normalised inputs; Adam's "
                "rate and the size of the shift are not given there, 0.001 and 4 pixels are the "
                "customary ones"
            ),
        ),
        _by_torchvision("flip", "crop"),
    ),
    "five-conv-32": Tutorial(
        architecture("five-conv-32"),
        Recipe(
            "published",
            epochs=30,
            batch_size=64,
            learning_rate=0.001,
            momentum=0.9,
            source="tutorial five-conv-32: inputs scaled to [−1, 1], no augmentation",
        ),
        _by_torchvision(size=32),
        workers=2,
        best=77.61,
        epoch=30,
    ),
}


def tutorial(name: str) -> Tutorial:
    """The tutorial called ``name``; a helpful error otherwise."""
    return look_up(TUTORIALS, name, "tutorial")


class _Prepared(torch.utils.data.Dataset):
    """One image at a time, from a PIL image, as torchvision's data sets hand them out."""

    def __init__(self, split: Split, prepare: Callable) -> None:
        self.images = split.images.permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = split.labels.tolist()
        self.prepare = prepare

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.prepare(Image.fromarray(self.images[place])), self.labels[place]


def published_steps(chosen: Tutorial, train: Split, device: torch.device) -> Iterator[int]:
    """Train by the published loop, epoch after epoch without end; gives each batch's size.

    Float32, memory in the customary order, one optimiser step a batch, and the loss and the
    number of right answers read back after each: the documents' own code, without its printing.
    """
    network = build(chosen.architecture, seed=0).to(device).train()
    recipe = chosen.recipe
    optimiser = (
        torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
        if recipe.optimiser == "adam"
        else torch.optim.SGD(
            network.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum
        )
    )
    loader = torch.utils.data.DataLoader(
        _Prepared(train, chosen.prepare()),
        batch_size=recipe.batch_size,
        shuffle=True,
        num_workers=chosen.workers,
    )
    criterion = nn.CrossEntropyLoss()
    running, right = 0.0, 0
    while True:
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            logits = network(images)
            loss = criterion(logits, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            running += loss.item()
            right += (logits.argmax(1) == labels).sum().item()
            yield len(labels)
