"""Any folders of images: ``DIR/train/<class>/*`` and ``DIR/test/<class>/*``, of whatever sizes."""

import hashlib
import os
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from PIL import Image
from torch import Tensor
from tqdm.std import tqdm

from alexnet_course.data.folders import differing_classes, from_cache, place_in_cache, to_cache
from alexnet_course.data.images import (
    DataError,
    ImageData,
    Labelled,
    Split,
    canonical_order,
    pixel_digest,
)
from alexnet_course.data.pictures import (
    ENDINGS,
    all_or_error,
    class_folders,
    expanded,
    picture_files,
    read_all,
    read_rgb,
    tried,
)

HELD_OUT = {"test": "test", "val": "validation", "validation": "validation"}
SAMPLE = 1_000  # images from which the statistics of a set too big to be held are taken
MOST_WORKERS = 8


@dataclass(frozen=True)
class FolderSplit(Labelled):
    """Stands in for a :class:`Split` whose images do not fit into memory: read when needed.

    ``files``: N paths; ``labels``: int64 ``[N]``; ``size``: pixels a side, see
    :func:`image_folder`. ``workers``: how many threads read ahead of the training; ``None`` means
    none where it runs on the CPU, which is busy enough, else one for each core, up to 8. Pillow
    lets others work while it decodes, and threads, unlike processes, start at once.

    A file that can't be read is a :class:`~alexnet_course.data.DataError` when its turn comes.
    """

    files: tuple[str, ...]
    labels: Tensor
    size: int
    workers: int | None = None

    def in_canonical_order(self) -> "FolderSplit":
        """The same images in :func:`~alexnet_course.data.images.canonical_order`.

        All are decoded for it; their digests are kept in the cache.
        """
        kept = place_in_cache(self.files, f"digests {self.size} {PIL.__version__}")
        arrays = from_cache(kept)
        if arrays is None:
            digests = b"".join(pixel_digest(image) for image in self._decoded("ordering images"))
            arrays = {"digests": np.frombuffer(digests, dtype=np.uint8).reshape(len(self), -1)}
            to_cache(kept, arrays)
        order = canonical_order([digest.tobytes() for digest in arrays["digests"]], self.labels)
        return self[torch.tensor(order)]

    def __getitem__(self, which: Tensor | slice) -> "FolderSplit":
        places = torch.arange(len(self))[which].tolist()
        files = tuple(self.files[place] for place in places)
        return FolderSplit(files, self.labels[which], self.size, self.workers)

    def to(self, device: torch.device | str) -> "FolderSplit":
        """Itself: images go to ``device`` batch by batch."""
        return self

    def batches(
        self, order: Tensor, size: int, device: torch.device | str
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels in the given ``order`` (indices), ``size`` at a time, on ``device``."""
        device = torch.device(device)
        workers = self.workers
        if workers is None:
            workers = 0 if device.type == "cpu" else min(cores(), MOST_WORKERS)

        def read(which: Tensor) -> list[Tensor]:
            images = np.stack([_decode(self.files[i], self.size) for i in which.tolist()])
            batch = [torch.from_numpy(images), self.labels[which]]
            return [part.pin_memory() for part in batch] if device.type == "cuda" else batch

        for images, labels in map_ahead(read, order.split(size), workers):
            yield images.to(device, non_blocking=True), labels.to(device, non_blocking=True)

    def sample_images(self) -> Tensor:
        """The images from which colour statistics are taken: at most 1,000, evenly spaced.

        Always the same ones. Up to 1,000 images that is all, as for a :class:`Split`; for more,
        mean and deviation differ a little from those of the whole set.
        """
        count = min(len(self), SAMPLE)
        places = [number * len(self) // count for number in range(count)]
        return _read([self.files[place] for place in places], self.size, "sampling images")

    def update_digest(self, total: Any) -> None:
        """Add all pixels, then all labels, to ``total``, as a :class:`Split` does: all are read."""
        for image in self._decoded("digesting images"):
            total.update(np.ascontiguousarray(image))
        total.update(self.labels.contiguous().numpy())

    def _decoded(self, what: str) -> Iterator[np.ndarray]:
        """Each image in turn, read by as many threads as there are cores, with a bar."""
        decode = tried(lambda path: _decode(path, self.size))
        images = map_ahead(decode, self.files, cores())
        yield from all_or_error(tqdm(images, total=len(self), desc=what, leave=False))


@dataclass(frozen=True)
class StreamedData(ImageData):
    """As :class:`ImageData`, of two :class:`FolderSplit`; its digest is kept in the cache."""

    train: FolderSplit
    held_out: FolderSplit

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all pixels and labels, in their order: all are read, but not twice."""
        parts = (self.train, self.held_out)
        of_labels = [hashlib.sha256(part.labels.numpy().tobytes()).hexdigest() for part in parts]
        settings = f"digest {[part.size for part in parts]} {of_labels} {PIL.__version__}"
        kept = place_in_cache((*self.train.files, *self.held_out.files), settings)
        arrays = from_cache(kept)
        if arrays is None:
            arrays = {"digest": np.array(super().digest)}
            to_cache(kept, arrays)
        return str(arrays["digest"])


def image_folder(
    root: Path | str, size: int = 224, memory: int = 2_000_000_000, name: str | None = None
) -> ImageData:
    """Images in ``root/train/<class>/`` and ``root/test/<class>/``, of any sizes and many formats.

    Where there is no ``test``, ``val`` or ``validation`` is taken, and held out under the name
    "validation". Classes come in alphabetical order; folders inside a class belong to it. Images
    come in the order of their content, as those of :func:`~alexnet_course.data.cifar10` do, so
    that names of files and their place in a class change nothing.

    Each image becomes uint8 ``[3, size, size]``: turned upright, RGB, the middle square of its
    shorter side resized to ``size`` pixels (paper §2, where ``size`` is 256). Transparent parts
    become white, 16-bit grey is divided by 257, of an animation the first picture is taken.

    Hidden files and folders, and what macOS and network drives put beside pictures, are passed
    over. A warning says how many other files are left out, and of which endings.

    If all of them take at most ``memory`` bytes, they are held, else each part is a
    :class:`FolderSplit`, which reads them as they are needed: the same images in the same order,
    with the same digest. For the order, all of them are decoded now, and for the digest once more;
    both are kept in the cache.
    ``name`` is that of the folder unless given.

    Raises :class:`~alexnet_course.data.DataError` for a missing part, an empty class, fewer than
    two classes, parts whose classes differ, and images that are unreadable or of unknown
    brightness: how many of a part, and the first of them, each by its path.
    """
    root = expanded(root)
    held_out = next((part for part in HELD_OUT if (root / part).is_dir()), "test")
    classes, train, others = _list(root, "train", size)
    held_out_classes, test, more_others = _list(root, held_out, size)
    if held_out_classes != classes:
        raise DataError(
            f"{root / held_out} has other classes than {root / 'train'}: "
            f"{differing_classes(held_out_classes, classes)}. Both need the same class folders, "
            "named alike"
        )
    if len(classes) == 1:
        raise DataError(
            f"{root / 'train'} holds one class only, {classes[0]!r}, which any network gets right; "
            "expected a folder for each of two classes or more. If they lie inside of "
            f"{classes[0]!r}, move them up"
        )
    if others or more_others:
        warnings.warn(f"{root}: {_left_out(others + more_others)}", stacklevel=2)
    name = name or root.resolve().name
    source = f"{name} from the image folders in {root}, cropped to {size} × {size} pixels"
    about = (HELD_OUT[held_out], source)
    if (len(train) + len(test)) * 3 * size * size <= memory:
        return ImageData(name, classes, _held(train), _held(test), *about)
    streamed = train.in_canonical_order(), test.in_canonical_order()
    return StreamedData(name, classes, *streamed, *about)


def _list(root: Path, part: str, size: int) -> tuple[tuple[str, ...], FolderSplit, Counter[str]]:
    """The classes in a part, its images, and how many other files it holds, by ending."""
    folder = root / part
    if not folder.is_dir():
        wanted = f"{root}/train/<class>/" if part == "train" else f"{root}/test/<class>/ (or val)"
        raise DataError(f"there is no folder {folder}; expected images in {wanted}")
    classes = class_folders(folder)
    expected = f"Expected {folder}/<class>/ with images in each"
    if not classes:
        raise DataError(f"{folder}: there is no class folder. {expected}")
    files: list[str] = []
    labels: list[int] = []
    empty: list[str] = []
    others: Counter[str] = Counter()
    for label, name in enumerate(classes):
        found, more = picture_files(folder / name)
        files += found
        labels += [label] * len(found)
        empty += [] if found else [name]
        others += more
    if empty:
        also = f"; {_left_out(others)}" if others else ""
        raise DataError(
            f"{folder}: no images in the classes {', '.join(empty)}. {expected}; take empty "
            f"folders out{also}"
        )
    return tuple(classes), FolderSplit(tuple(files), torch.tensor(labels), size), others


def _left_out(others: Counter[str]) -> str:
    kinds = ", ".join(f"{count:,} {ending}" for ending, count in others.most_common())
    return (
        f"files left out, because their endings are of no image that is read: {kinds}. What is "
        f"read: {' '.join(ENDINGS)}"
    )


def map_ahead(function: Callable, items: Iterable, workers: int) -> Iterator:
    """``map``, done by that many threads up to ``workers`` items ahead; 0 for no threads."""
    if not workers:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _held(part: FolderSplit) -> Split:
    images = _read(part.files, part.size, "reading images")
    return Split.in_canonical_order(images.numpy(), part.labels)


def cores() -> int:
    return os.cpu_count() or 1


def _read(files: Sequence[str], size: int, what: str) -> Tensor:
    """All ``files`` decoded: uint8 ``[N, 3, size, size]``."""
    return torch.from_numpy(read_all(files, lambda path: _decode(path, size), size, what))


def _decode(path: str, size: int) -> np.ndarray:
    return square(read_rgb(path), size)


def square(image: Image.Image, size: int) -> np.ndarray:
    """Its middle square, uint8 ``[3, size, size]``: cut out before it is resized, as a thin image
    would become huge.
    """
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box)).transpose(2, 0, 1)
