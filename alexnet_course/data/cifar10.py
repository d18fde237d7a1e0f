"""CIFAR-10, wherever it can be found, and the stand-in where it can't."""

import os
import threading
import urllib.request
from pathlib import Path

import numpy as np

from alexnet_course.data import standin
from alexnet_course.data.folders import cache_folder, load_folders
from alexnet_course.data.images import DataError, ImageData, Split
from alexnet_course.data.pictures import expanded

VARIABLE = "ALEXNET_COURSE_CIFAR10"
STAND_IN = "stand-in"
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
COUNTS = (5_000, 1_000)  # images a class in train and in test (Krizhevsky 2009)
DIGEST = "ffdd06cdb76e4e754e006cf33f4e84d88893a9c00167fff39f4c823974690268"  # ImageData.digest


def stand_in(seed: int = 0) -> ImageData:
    """The bundled procedural images: CIFAR-10's shape, ten classes of their own.

    10,000 training and 2,000 test images, the same for the same ``seed``.
    """
    train_images, train_labels, test_images, test_labels = standin.make_standin(seed)
    return ImageData(
        "stand-in",
        standin.CLASSES,
        train=Split.in_canonical_order(train_images, train_labels),
        held_out=Split.in_canonical_order(test_images, test_labels),
        held_out_name="test",
        source="the bundled stand-in (drawn shapes and textures, NOT CIFAR-10)",
    )


def cifar10(download: bool = True, quiet: bool = False) -> ImageData:
    """CIFAR-10 as uint8 tensors; says in one sentence where it came from (unless ``quiet``).

    Looked for in this order: the class folders that the variable ``ALEXNET_COURSE_CIFAR10``
    names; torchvision's files in ``./data`` or the course's cache folder; a download by
    torchvision; the bundled stand-in. ``ALEXNET_COURSE_CIFAR10=stand-in`` asks for the stand-in.

    Raises :class:`~alexnet_course.data.DataError` where the variable points to something bad, to
    other pictures too, or files are there and damaged: those are never replaced by the stand-in.
    """
    named = os.environ.get(VARIABLE)
    reason = ""
    if named == STAND_IN:
        data = stand_in()
        reason = f"{VARIABLE} asks for it"
    elif named:
        data = _named_folders(named)
    elif found := _torchvision(download):
        data = found
    else:
        data = stand_in()
        reason = f"{VARIABLE} is not set, and CIFAR-10 could not be downloaded"
    if not quiet:
        print(f"Data: {data.source}{': ' + reason if reason else ''}.")
    return data


def _named_folders(named: str) -> ImageData:
    """The images in the folder that the variable names, if they are those of CIFAR-10."""
    root = expanded(named)
    if not root.is_dir():
        raise DataError(
            f"{VARIABLE} is {named!r}, which is no folder; expected a folder with "
            f"train/<class>/*.png and test/<class>/*.png, or the word {STAND_IN!r}. Unset the "
            "variable to have CIFAR-10 downloaded"
        )
    data = load_folders(root, "CIFAR-10", CLASSES, counts=COUNTS)
    if data.digest != DIGEST:
        raise DataError(
            f"{VARIABLE} is {named!r}, and some of the images there are not those of CIFAR-10, or "
            f"have another label (digest {data.digest[:12]}…, expected {DIGEST[:12]}…). Unpack or "
            "export the folder again; pictures of your own are read by image_folder()"
        )
    return data


def _torchvision(download: bool) -> ImageData | None:
    """torchvision's copy, local or downloaded; ``None`` if there is none and none can be had."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    roots = (Path("data"), cache_folder() / "torchvision")
    archive, unpacked = CIFAR10.filename, CIFAR10.base_folder
    local = [r for r in roots if (r / archive).exists() or (r / unpacked).exists()]
    root = local[0] if local else roots[-1]
    if not local and not (download and _reachable(CIFAR10.url)):
        return None
    try:
        try:
            parts = [CIFAR10(root, train=train, download=False) for train in (True, False)]
        except RuntimeError:  # not unpacked, or damaged: torchvision mends both
            if not download and not check_integrity(root / archive, CIFAR10.tgz_md5):
                raise  # mending would take a network
            parts = [CIFAR10(root, train=train, download=True) for train in (True, False)]
    except Exception as error:
        raise DataError(
            f"CIFAR-10 in {root.resolve()} is incomplete or damaged, and could not be mended "
            f"({type(error).__name__}: {error}). Delete {root / archive} and {root / unpacked}, "
            f"then try again with a network, or set {VARIABLE} to a folder of images"
        ) from error
    train, test = (
        Split.in_canonical_order(part.data.transpose(0, 3, 1, 2), np.array(part.targets))
        for part in parts
    )
    return ImageData(
        "CIFAR-10",
        tuple(parts[0].classes),
        train=train,
        held_out=test,
        held_out_name="test",
        source="CIFAR-10 from torchvision's files",
    )


def _reachable(url: str, seconds: float = 5.0) -> bool:
    """Whether ``url`` answers within ``seconds``, name look-up included."""
    answers = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=seconds).close()
            answers.append(True)
        except OSError:
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return bool(answers)
