"""The five published tutorials: the network, the recipe and the loop that each document gives.

The recipes are run by :func:`alexnet_course.training.fit`; :func:`published_steps` is the loop as
published, one image prepared at a time, and is there to be timed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import torch
from torch import Tensor, nn

from alexnet_course.architectures import Architecture, architecture
from alexnet_course.config import look_up
from alexnet_course.data.augmentation import Flip, Shift, VerticalFlip
from alexnet_course.data.images import Labelled, Split
from alexnet_course.data.preparation import (
    MinusOneToOne,
    PerChannel,
    Resize,
    Scaling,
)
from alexnet_course.fields import Spec
from alexnet_course.network import build
from alexnet_course.optimisers import SGD, Adam
from alexnet_course.recipes import Recipe
from alexnet_course.schedules import Constant


@dataclass(frozen=True)
class Tutorial:
    """One document: ``best`` is its highest test accuracy in per cent, first seen at ``epoch``;
    ``data`` what the course trains it on.

    ``prepare`` makes, from the recipe and the images to learn from, the function that its
    ``DataLoader``, with ``workers`` processes, applies to each image (a PIL image to a float
    tensor).
    """

    architecture: Architecture
    recipe: Recipe
    prepare: Callable[[Recipe, Tensor], Callable]
    workers: int = 0
    best: float | None = None
    epoch: int | None = None
    data: str = "CIFAR-10"


def by_numpy(recipe: Recipe, images: Tensor) -> Callable:
    """Written out, as in tutorial two-conv; its recipe asks for nothing but pixels from −1 to 1."""

    def prepare(image):
        pixels = (np.array(image, dtype="float32") / 255 - 0.5) / 0.5
        return torch.from_numpy(pixels.transpose(2, 0, 1))

    return prepare


def by_torchvision(recipe: Recipe, images: Tensor) -> Callable:
    """The steps of ``recipe`` as torchvision's transforms, in the order that the tutorials have:
    size, augmentation, a tensor, scaling.
    """
    from torchvision import transforms

    scalings = [part for part in recipe.preparation if isinstance(part, Scaling)]
    sizes = [part for part in recipe.preparation if part not in scalings]
    return transforms.Compose(
        [
            *(transform(part, images) for part in (*sizes, *recipe.augmentation)),
            transforms.ToTensor(),
            *(transform(part, images) for part in scalings),
        ]
    )


@singledispatch
def transform(part: Spec, images: Tensor) -> Callable:
    """The transform of torchvision that does what ``part`` of a recipe does."""
    raise TypeError(f"no transform of torchvision is known for {part!r}")


@transform.register
def _(part: Resize, images: Tensor) -> Callable:
    from torchvision.transforms import Resize

    return Resize((part.size, part.size))


@transform.register
def _(part: Flip, images: Tensor) -> Callable:
    from torchvision.transforms import RandomHorizontalFlip

    return RandomHorizontalFlip()


@transform.register
def _(part: VerticalFlip, images: Tensor) -> Callable:
    from torchvision.transforms import RandomVerticalFlip

    return RandomVerticalFlip()


@transform.register
def _(part: Shift, images: Tensor) -> Callable:
    from torchvision.transforms import RandomCrop

    return RandomCrop(images.shape[2:], padding=part.pixels)


@transform.register
def _(part: Scaling, images: Tensor) -> Callable:
    from torchvision.transforms import Normalize

    mean, divisor = part.mean_and_divisor(images)
    return Normalize(mean.tolist(), divisor.tolist())


TUTORIALS: dict[str, Tutorial] = {
    "upscaled-227": Tutorial(
        architecture("single-tower").with_classes(10),
        Recipe(
            "published",
            epochs=500,
            batch_size=100,
            optimiser=SGD(0.001, momentum=0.9),
            preparation=(MinusOneToOne(), Resize(227)),
            source="tutorial upscaled-227: CIFAR-10 at 227×227, no augmentation",
        ),
        by_torchvision,
        best=84.62,
        epoch=475,
    ),
    "two-conv": Tutorial(
        architecture("two-conv"),
        Recipe(
            "published",
            epochs=20,
            batch_size=64,
            optimiser=SGD(0.1),
            source=(
                "tutorial two-conv: SGD without momentum, inputs scaled to [−1, 1], no augmentation"
            ),
        ),
        by_numpy,
        best=73.26,
        epoch=19,
    ),
    "image-folder": Tutorial(
        architecture("image-folder"),
        Recipe(
            "published",
            epochs=1,
            batch_size=16,
            optimiser=SGD(0.01, momentum=0.9),
            preparation=(MinusOneToOne(), Resize(224)),
            augmentation=(VerticalFlip(),),
            source=(
                "tutorial image-folder: one epoch, so that its StepLR(10, 0.5) never acts; faces "
                "turned upside down at random"
            ),
        ),
        by_torchvision,
        data="drawn faces",
    ),
    "adam-augmented": Tutorial(
        architecture("adam-augmented"),
        Recipe(
            "published",
            epochs=10,
            batch_size=64,
            optimiser=Adam(0.001),
            preparation=(PerChannel(),),
            augmentation=(Flip(), Shift(4)),
            source=(
                "tutorial adam-augmented: Adam, flips, shifted crops, normalised inputs; Adam's "
                "rate and the size of the shift are not given there, 0.001 and 4 pixels are the "
                "customary ones"
            ),
        ),
        by_torchvision,
    ),
    "five-conv-32": Tutorial(
        architecture("five-conv-32"),
        Recipe(
            "published",
            epochs=30,
            batch_size=64,
            optimiser=SGD(0.001, momentum=0.9),
            source="tutorial five-conv-32: inputs scaled to [−1, 1], no augmentation",
        ),
        by_torchvision,
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


def published_steps(chosen: Tutorial, train: Labelled, device: torch.device) -> Iterator[int]:
    """Train by the published loop, epoch after epoch without end; gives each batch's size.

    Float32, memory in the customary order, one optimiser step a batch, and the loss and the
    number of right answers read back after each: the documents' own code, without its printing.
    """
    if not isinstance(train, Split):
        raise TypeError(f"the published loops want images in memory, not {type(train).__name__}")
    network = build(chosen.architecture, seed=0).to(device).train()
    recipe = chosen.recipe
    if recipe.schedule != Constant():
        raise ValueError(f"the published loops keep their rates; {recipe.schedule!r} changes it")
    (optimiser,) = recipe.optimiser.made_for([*network.named_parameters()])
    loader = torch.utils.data.DataLoader(
        _Prepared(train, chosen.prepare(recipe, train.sample_images())),
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
