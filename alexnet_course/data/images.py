"""A labelled image set, held whole: uint8 pixels in one tensor, in one canonical order."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor


class DataError(ValueError):
    """Images that cannot be used: the message says what was found and what was expected."""


def pixel_digest(image: np.ndarray) -> bytes:
    """SHA-256 of an image's bytes: uint8 ``[channels, height, width]``."""
    return hashlib.sha256(np.ascontiguousarray(image).data).digest()


def canonical_order(digests: Sequence[bytes], labels: np.ndarray | Tensor) -> list[int]:
    """Order by content: each image's :func:`pixel_digest`, then its label.

    Class folders, pickled batches or anything else that holds the same images give them in the same
    order. It mixes the classes, so the first N images are a fair sample.
    """
    return sorted(range(len(digests)), key=lambda i: (digests[i], int(labels[i])))


class Labelled(Protocol):
    """N images with ``labels`` (int64 ``[N]``): what training and measuring ask of a part of a set.

    :class:`Split` holds its images in memory; ``FolderSplit`` reads them from files when needed.
    """

    labels: Tensor

    def __getitem__(self, which: Tensor | slice) -> Self: ...

    def to(self, device: torch.device | str) -> Self:
        """The same images and labels, those that are held on ``device``."""
        ...

    def batches(
        self, order: Tensor, size: int, device: torch.device | str
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels in the given ``order`` (indices), ``size`` at a time, on ``device``."""
        ...

    def sample_images(self) -> Tensor:
        """The images from which colour statistics are taken."""
        ...

    def update_digest(self, total: Any) -> None:
        """Add all pixels, then all labels, to ``total``."""
        ...

    def __len__(self) -> int:
        return len(self.labels)

    def first_of_each_class(self, count: int) -> Tensor:
        """A boolean mask ``[N]`` of the first ``count`` images of every class."""
        mask = torch.zeros(len(self), dtype=torch.bool)
        for label in self.labels.unique():
            places = (self.labels == label).nonzero().flatten()
            if len(places) < count:
                raise ValueError(
                    f"class {int(label)} has {len(places)} images; {count} were asked for"
                )
            mask[places[:count]] = True
        return mask


@dataclass(frozen=True)
class Split(Labelled):
    """``images``: uint8 ``[N, channels, height, width]``; ``labels``: int64 ``[N]``."""

    images: Tensor
    labels: Tensor

    def __getitem__(self, which: Tensor | slice) -> "Split":
        return Split(self.images[which], self.labels[which])

    def to(self, device: torch.device | str) -> "Split":
        """The same images and labels on ``device``."""
        return Split(self.images.to(device), self.labels.to(device))

    def batches(
        self, order: Tensor, size: int, device: torch.device | str
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels in the given ``order`` (indices), ``size`` at a time, on ``device``."""
        for which in order.to(self.labels.device).split(size):
            yield self.images[which].to(device), self.labels[which].to(device)

    def sample_images(self) -> Tensor:
        """The images from which colour statistics are taken: here all."""
        return self.images

    @classmethod
    def in_canonical_order(cls, images: np.ndarray, labels: np.ndarray | Tensor) -> "Split":
        """``images`` (uint8) and ``labels`` in :func:`canonical_order`."""
        images = np.ascontiguousarray(images)
        order = canonical_order([pixel_digest(image) for image in images], labels)
        return cls(
            torch.from_numpy(images[order]),
            torch.from_numpy(np.asarray(labels, dtype=np.int64)[order]),
        )

    def update_digest(self, total: Any) -> None:
        """Add all pixels, then all labels, to ``total``."""
        total.update(self.images.contiguous().numpy())
        total.update(self.labels.contiguous().numpy())


@dataclass(frozen=True)
class ImageData:
    """Images to train on, and images held out to measure with.

    ``held_out_name`` says what the held-out images are for: ``"test"``, to report, or
    ``"validation"``, to choose by. ``source`` is a plain sentence about where they came from.
    """

    name: str
    classes: tuple[str, ...]
    train: Labelled
    held_out: Labelled
    held_out_name: str
    source: str

    def for_choosing(self) -> "ImageData":
        """The training images alone, parted: a tenth of each class becomes the validation set.

        For CIFAR-10 that is 500 of 5,000 a class, always the same ones; the test images are out
        of reach, so that no setting can be chosen by them.
        """
        if self.held_out_name != "test":
            raise ValueError(f"{self.name!r} is already parted for choosing")
        smallest = int(self.train.labels.bincount().min())
        mask = self.train.first_of_each_class(smallest // 10)
        return replace(
            self,
            name=f"{self.name}, parted for choosing",
            train=self.train[~mask],
            held_out=self.train[mask],
            held_out_name="validation",
        )

    def sample(self, train: int, held_out: int | None = None) -> "ImageData":
        """The first ``train`` training and ``held_out`` held-out images (all) of each class."""
        kept = self.held_out
        if held_out is not None:
            kept = kept[kept.first_of_each_class(held_out)]
        return replace(
            self,
            name=f"{self.name}, {train} + {held_out or 'all'} a class",
            train=self.train[self.train.first_of_each_class(train)],
            held_out=kept,
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all pixels and labels, in their order."""
        total = hashlib.sha256()
        for split in (self.train, self.held_out):
            split.update_digest(total)
        return total.hexdigest()

    def __repr__(self) -> str:
        return (
            f"ImageData({self.name!r}: {len(self.train):,} training and {len(self.held_out):,} "
            f"{self.held_out_name} images, {len(self.classes)} classes)"
        )
