"""Class folders of images: ``DIR/train/<class>/*.png`` and ``DIR/test/<class>/*.png``."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm.std import tqdm

from alexnet_course.checkpoints import write_atomically
from alexnet_course.data.images import DataError, ImageData, Split
from alexnet_course.data.pictures import (
    class_folders,
    expanded,
    read_all,
    read_rgb,
    unreadable,
    visible,
)


def cache_folder() -> Path:
    """Where decoded images and checkpoints are kept: ``ALEXNET_COURSE_CACHE``, or ~/.cache.

    Where no home folder is known, as in some containers, the system's folder for temporary files.
    """
    named = os.environ.get("ALEXNET_COURSE_CACHE")
    if named:
        return expanded(named)
    try:
        return Path.home() / ".cache" / "alexnet_course"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "alexnet_course"


def _class_folders(part: Path) -> list[str]:
    if not part.is_dir():
        raise DataError(
            f"there is no folder {part}; expected {part.parent}/train/<class>/*.png and "
            f"{part.parent}/test/<class>/*.png"
        )
    names = class_folders(part)
    if not names:
        raise DataError(f"{part} holds no class folders; expected {part}/<class>/*.png")
    return names


def differing_classes(found: Iterable[str], expected: Iterable[str]) -> str:
    """What ``found`` lacks and has too much, in words."""
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    return "; ".join(
        f"{word} class folders: {', '.join(names)}"
        for word, names in (("missing", missing), ("unexpected", extra))
        if names
    )


def _decode(path: str, size: int) -> np.ndarray:
    image = read_rgb(path)
    if image.size != (size, size):
        raise DataError(f"{path} is {image.width}×{image.height} pixels; expected {size}×{size}")
    return np.asarray(image).transpose(2, 0, 1)


def _list_part(
    folder: Path, classes: tuple[str, ...], per_class: int | None
) -> tuple[list[str], list[int]]:
    """The PNG files of all classes, and their labels."""
    files: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        names = visible(path.name for path in (folder / name).iterdir())
        found = [os.path.join(folder, name, n) for n in names if n.lower().endswith(".png")]
        if not found or (per_class and len(found) != per_class):
            expected = f"{per_class:,}" if per_class else "at least one"
            raise DataError(
                f"{folder / name} holds {len(found):,} PNG images; expected {expected}. Unpack or "
                "export the folder again"
            )
        files += found
        labels += [label] * len(found)
    return files, labels


def place_in_cache(files: Iterable[str], settings: str) -> Path:
    """Where to keep what is made of ``files``.

    Another place whenever one of them appears, goes, or is written again, behind a link too.
    """
    total = hashlib.sha256(f"{Path.cwd()} {settings}".encode())
    for path in files:
        try:
            stat = os.stat(path)
        except OSError as error:
            raise unreadable(path, error) from error
        total.update(f"{path} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return cache_folder() / f"{total.hexdigest()[:32]}.npz"


def load_folders(
    root: Path,
    name: str,
    classes: tuple[str, ...],
    size: int = 32,
    counts: tuple[int, int] | None = None,
) -> ImageData:
    """Read class folders of ``size`` × ``size`` PNGs; decoded once, then kept in the cache.

    Each becomes RGB as by :func:`~alexnet_course.data.image_folder`, and hidden files and folders
    are passed over as there. ``counts``: how many images each class must have in train and in test,
    if that is known.

    Raises :class:`~alexnet_course.data.DataError` for a missing folder or class, a wrong count, an
    unreadable or wrong-sized image, each by its path.
    """
    root = Path(root)
    for part in ("train", "test"):
        found = _class_folders(root / part)
        if found != sorted(classes):
            raise DataError(
                f"{root / part}: {differing_classes(found, classes)}. Expected {', '.join(classes)}"
            )
    listed = {
        part: _list_part(root / part, classes, per_class)
        for part, per_class in zip(("train", "test"), counts or (None, None), strict=True)
    }
    every_file = [file for files, _ in listed.values() for file in files]
    kept = place_in_cache(every_file, f"{size} {classes}")
    arrays = from_cache(kept)
    if arrays is None:
        arrays = {}
        for part, (files, labels) in listed.items():
            images = read_all(files, lambda path: _decode(path, size), size, f"reading {part}")
            split = Split.in_canonical_order(images, np.array(labels))
            arrays[f"{part}_images"] = split.images.numpy()
            arrays[f"{part}_labels"] = split.labels.numpy()
        to_cache(kept, arrays)
    return ImageData(
        name,
        classes,
        train=_split(arrays, "train"),
        held_out=_split(arrays, "test"),
        held_out_name="test",
        source=f"{name} from class folders",
    )


def _split(arrays: dict[str, np.ndarray], part: str) -> Split:
    return Split(
        torch.from_numpy(arrays[f"{part}_images"]), torch.from_numpy(arrays[f"{part}_labels"])
    )


def from_cache(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays kept in ``path``; ``None`` where there are none, or none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged copy of our own: the originals are still there
        print(f"the cached copy {path} is damaged ({error}); decoding again", file=sys.stderr)
        return None


def to_cache(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Keep ``arrays`` in ``path``; where that can't be, say so and go on."""
    try:
        write_atomically(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
    except OSError as error:
        print(f"decoded images could not be kept in {path.parent}: {error}", file=sys.stderr)


def export_folders(data: ImageData, root: Path) -> int:
    """Write ``data`` as class folders of lossless PNGs below ``root``; gives how many images.

    Refuses a folder that holds something already. Read back, the images are the same.
    """
    root = expanded(root)
    if root.exists() and any(root.iterdir()):
        raise DataError(f"{root} is not empty; name a new folder")
    written = 0
    for part, split in (("train", data.train), (data.held_out_name, data.held_out)):
        for name in data.classes:
            (root / part / name).mkdir(parents=True)
        one_by_one = split.batches(torch.arange(len(split)), 1, "cpu")
        progress = tqdm(one_by_one, total=len(split), desc=f"writing {part}", leave=False)
        for number, (images, labels) in enumerate(progress):
            path = root / part / data.classes[int(labels[0])] / f"{number:05d}.png"
            Image.fromarray(images[0].permute(1, 2, 0).numpy()).save(path)
            written += 1
    return written
