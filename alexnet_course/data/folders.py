"""Class folders of images: ``DIR/train/<class>/*.png`` and ``DIR/test/<class>/*.png``."""

import hashlib
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm.std import tqdm

from alexnet_course.checkpoints import write_atomically
from alexnet_course.data.images import ImageData, Split


class DataError(ValueError):
    """Images that cannot be used: the message says what was found and what was expected."""


def cache_folder() -> Path:
    """Where decoded images and checkpoints are kept: ``ALEXNET_COURSE_CACHE``, or ~/.cache."""
    named = os.environ.get("ALEXNET_COURSE_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "alexnet_course"


def _class_folders(part: Path) -> list[str]:
    if not part.is_dir():
        raise DataError(
            f"there is no folder {part}; expected {part.parent}/train/<class>/*.png and "
            f"{part.parent}/test/<class>/*.png"
        )
    names = sorted(entry.name for entry in part.iterdir() if entry.is_dir())
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


def _decode(path: Path, size: int) -> np.ndarray:
    try:
        with Image.open(path) as image:
            if image.size != (size, size):
                raise DataError(
                    f"{path} is {image.width}×{image.height} pixels; expected {size}×{size}"
                )
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except DataError:
        raise
    except Exception as error:  # Pillow raises many kinds; each means the same to a reader
        raise DataError(f"{path} can't be read as an image ({error}); replace the file") from error


def _read_part(
    folder: Path, classes: tuple[str, ...], size: int, per_class: int | None
) -> tuple[np.ndarray, np.ndarray]:
    files, labels = [], []
    for label, name in enumerate(classes):
        found = sorted((folder / name).glob("*.png"))
        if not found or (per_class and len(found) != per_class):
            expected = f"{per_class:,}" if per_class else "at least one"
            raise DataError(
                f"{folder / name} holds {len(found):,} PNG images; expected {expected}. Unpack or "
                "export the folder again"
            )
        files += found
        labels += [label] * len(found)
    images = np.empty((len(files), 3, size, size), dtype=np.uint8)
    with ThreadPoolExecutor() as pool:
        decoded = pool.map(lambda path: _decode(path, size), files)
        progress = tqdm(decoded, total=len(files), desc=f"reading {folder.name}", leave=False)
        for place, image in enumerate(progress):
            images[place] = image
    return images, np.array(labels)


def _listing_key(root: Path, settings: str) -> str:
    """Changes whenever a file below ``root`` appears, goes, or is written again."""
    total = hashlib.sha256(f"{root.resolve()} {settings}".encode())
    for folder, inner, files in os.walk(root):
        inner.sort()
        for name in sorted(files):
            stat = os.stat(os.path.join(folder, name))
            total.update(f"{folder}/{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return total.hexdigest()[:32]


def load_folders(
    root: Path,
    name: str,
    classes: tuple[str, ...],
    size: int = 32,
    counts: tuple[int, int] | None = None,
) -> ImageData:
    """Read class folders of ``size`` × ``size`` PNGs; decoded once, then kept in the cache.

    ``counts``: how many images each class must have in train and in test, if that is known.
    Raises :class:`DataError` for a missing folder or class, a wrong count, an unreadable or
    wrong-sized image, each by its path.
    """
    root = Path(root)
    for part in ("train", "test"):
        found = _class_folders(root / part)
        if found != sorted(classes):
            raise DataError(
                f"{root / part}: {differing_classes(found, classes)}. Expected {', '.join(classes)}"
            )
    kept = cache_folder() / f"{_listing_key(root, f'{size} {counts} {classes}')}.npz"
    arrays = _from_cache(kept)
    if arrays is None:
        arrays = {}
        for part, per_class in zip(("train", "test"), counts or (None, None), strict=True):
            split = Split.in_canonical_order(*_read_part(root / part, classes, size, per_class))
            arrays[f"{part}_images"] = split.images.numpy()
            arrays[f"{part}_labels"] = split.labels.numpy()
        _to_cache(kept, arrays)
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


def _from_cache(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged copy of our own: the originals are still there
        print(f"the cached copy {path} is damaged ({error}); decoding again", file=sys.stderr)
        return None


def _to_cache(path: Path, arrays: dict[str, np.ndarray]) -> None:
    try:
        write_atomically(path, lambda file: np.savez(file, **arrays))
    except OSError as error:
        print(f"decoded images could not be kept in {path.parent}: {error}", file=sys.stderr)


def export_folders(data: ImageData, root: Path) -> int:
    """Write ``data`` as class folders of lossless PNGs below ``root``; gives how many images.

    Refuses a folder that holds something already. Read back, the images are the same.
    """
    root = Path(root)
    if root.exists() and any(root.iterdir()):
        raise DataError(f"{root} is not empty; name a new folder")
    written = 0
    for part, split in (("train", data.train), (data.held_out_name, data.held_out)):
        for name in data.classes:
            (root / part / name).mkdir(parents=True)
        pairs = zip(split.images.numpy(), split.labels.tolist(), strict=True)
        progress = tqdm(pairs, total=len(split), desc=f"writing {part}", leave=False)
        for number, (image, label) in enumerate(progress):
            path = root / part / data.classes[label] / f"{number:05d}.png"
            Image.fromarray(image.transpose(1, 2, 0)).save(path)
            written += 1
    return written
