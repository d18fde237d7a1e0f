"""Small sets for the page on one's own pictures: parts of the drawn faces, faces with copies, and
the 1,797 handwritten digits that scikit-learn ships.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from alexnet_course.data.faces import drawn_faces
from alexnet_course.data.images import ImageData, Split

DIGIT_SIZE = 32
DIGIT_TEST = 70  # of each class
COPIED = 30  # faces of each class that are copied
FIRST_FACES, OTHER_FACES = ("angry", "fear", "happy", "sad"), ("disgust", "neutral", "surprise")


def of_classes(data: ImageData, names: Sequence[str], name: str) -> ImageData:
    """The images of some classes, with labels of their own, in the order of ``names``."""
    old = torch.tensor([data.classes.index(one) for one in names])
    parts = {}
    for key in ("train", "held_out"):
        split = getattr(data, key)
        kept = split[torch.isin(split.labels, old)]
        parts[key] = replace(kept, labels=(kept.labels[:, None] == old).long().argmax(1))
    return replace(data, name=name, classes=tuple(names), **parts)


def handwritten_digits() -> ImageData:
    """scikit-learn's 1,797 digits of 8×8 pixels by 13 writers, as grey RGB of 32×32; 70 of each
    class are held out, always the same ones.

    Raises :class:`ModuleNotFoundError`, which says what to install, without scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the handwritten digits come with scikit-learn: pip install scikit-learn"
        ) from error
    digits = load_digits()
    grey = 255 - np.round(digits.images * (255 / 16)).astype(np.uint8)
    larger = grey.repeat(DIGIT_SIZE // 8, axis=1).repeat(DIGIT_SIZE // 8, axis=2)
    images = np.repeat(larger[:, None], 3, axis=1)
    split = Split.in_canonical_order(images, digits.target)
    test = split.first_of_each_class(DIGIT_TEST)
    return ImageData(
        "handwritten digits",
        tuple(map(str, range(10))),
        split[~test],
        split[test],
        "test",
        "scikit-learn's handwritten digits (UCI, 1,797 of 8×8 pixels)",
    )


def copies(images: Tensor) -> Tensor:
    """Of each image (uint8 ``[N, 3, H, W]``, even sides) three: itself, one that was saved at half
    the size, and a brighter one: ``[N, 3, 3, H, W]``.
    """
    grey = images.float()
    half = grey.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).mean((3, 5)).round()
    small = half.repeat_interleave(2, 2).repeat_interleave(2, 3)
    bright = (grey * 1.15).round().clamp_max(255)
    return torch.stack([images, small.byte(), bright.byte()], dim=1)


def copied_faces(part_by: str) -> ImageData:
    """Thirty drawn faces of each expression, three copies of each.

    ``part_by="picture"``: a third of all pictures, at random, is held out; ``"face"``: a third of
    the faces, with all their copies; ``"picture, new faces"``: trained on as by picture, measured
    on 50 faces of each expression that were never seen.
    """
    faces = drawn_faces(train=COPIED)
    images, labels = copies(faces.train.images), faces.train.labels  # type: ignore[attr-defined]
    rng = np.random.default_rng(0)
    held = torch.zeros(len(labels), 3, dtype=torch.bool)
    if part_by == "face":
        for label in range(len(faces.classes)):
            own = (labels == label).nonzero().flatten().numpy()
            held[rng.permutation(own)[: COPIED // 3]] = True
    else:
        held = torch.from_numpy(rng.permutation(held.numel()) < held.numel() // 3).view_as(held)
    every = Split(images.flatten(0, 1), labels.repeat_interleave(3))
    held = held.flatten()
    data = replace(faces, name=f"copied faces, parted by {part_by}", train=every[~held])
    return data if "new" in part_by else replace(data, held_out=every[held])


def _faces_of(names: Sequence[str], name: str) -> Callable[[], ImageData]:
    return lambda: of_classes(drawn_faces(), names, name)


def _digits_of(names: str, name: str) -> Callable[[], ImageData]:
    return lambda: of_classes(handwritten_digits(), tuple(names), name)


SMALL_SETS: dict[str, Callable[[], ImageData]] = {
    "handwritten digits": handwritten_digits,
    "digits 0 to 4": _digits_of("01234", "digits 0 to 4"),
    "digits 5 to 9": _digits_of("56789", "digits 5 to 9"),
    "four expressions": _faces_of(FIRST_FACES, "four expressions"),
    "three other expressions": _faces_of(OTHER_FACES, "three other expressions"),
    **{
        f"copied faces, parted by {part_by}": partial(copied_faces, part_by)
        for part_by in ("picture", "picture, new faces", "face")
    },
}
