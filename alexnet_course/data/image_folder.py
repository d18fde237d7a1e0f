"""Any folders of images: ``DIR/train/<class>/*`` and ``DIR/test/<class>/*``, of whatever sizes."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm.std import tqdm

from alexnet_course.data.folders import DataError, differing_classes
from alexnet_course.data.images import ImageData, Labelled, Split

HELD_OUT = {"test": "test", "val": "validation", "validation": "validation"}
SAMPLE = 1_000  # images from which the statistics of a set too big to be held are taken
MOST_WORKERS = 8


@dataclass(frozen=True)
class FolderSplit(Labelled):
    """Stands in for a :class:`Split` whose images do not fit into memory: read when needed.

    ``files``: N paths; ``labels``: int64 ``[N]``; ``size``: pixels a side, see
    :func:`image_folder`. ``workers``: how many processes read ahead of the training; ``None``
    means none where it runs on the CPU, which is busy enough, else one for each core, up to 8.

    A file that can't be read is a :class:`~alexnet_course.data.DataError` when its turn comes.
    """

    files: tuple[str, ...]
    labels: Tensor
    size: int
    workers: int | None = None

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
            workers = 0 if device.type == "cpu" else min(os.cpu_count() or 1, MOST_WORKERS)
        loader = DataLoader(
            range(len(self)),
            batch_sampler=[which.tolist() for which in order.split(size)],
            collate_fn=self._batch,
            num_workers=workers,
            pin_memory=device.type == "cuda",
            generator=torch.Generator(),  # its own: dropout draws from the global one
        )
        for batch in loader:
            if isinstance(batch, DataError):
                raise batch
            images, labels = batch
            yield images.to(device, non_blocking=True), labels.to(device, non_blocking=True)

    def _batch(self, places: list[int]) -> tuple[Tensor, Tensor] | DataError:
        """Images and labels, or the error, which is better raised in the process that asked.

        Raised in a worker it comes with a traceback as its message, and keeps the loader in a
        reference cycle, whose collection waits for workers that no longer hear.
        """
        try:
            images = torch.stack([_decode(self.files[place], self.size) for place in places])
        except DataError as error:
            return error
        return images, self.labels[places]

    def sample_images(self) -> Tensor:
        """The images from which colour statistics are taken: at most 1,000, evenly spaced.

        Always the same ones. Up to 1,000 images that is all, as for a :class:`Split`; for more,
        mean and deviation differ a little from those of the whole set.
        """
        count = min(len(self), SAMPLE)
        places = [number * len(self) // count for number in range(count)]
        return _read([self.files[place] for place in places], self.size, "sampling images")

    def update_digest(self, total: Any) -> None:
        """Add the content of every file, then labels and size, to ``total``: all files are read."""
        for path in tqdm(self.files, desc="digesting files", leave=False):
            with open(path, "rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        total.update(self.labels.contiguous().numpy())
        total.update(str(self.size).encode())


def image_folder(
    root: Path | str, size: int = 224, memory: int = 2_000_000_000, name: str | None = None
) -> ImageData:
    """Images in ``root/train/<class>/`` and ``root/test/<class>/``, of any sizes and formats.

    Where there is no ``test``, ``val`` or ``validation`` is taken, and held out under the name
    "validation". Files are listed by torchvision's ``ImageFolder``, classes and then paths in
    alphabetical order. Each image becomes uint8 ``[3, size, size]``: RGB, the shorter side
    resized to ``size`` pixels, the centre cropped (paper §2, where ``size`` is 256).

    If all of them take at most ``memory`` bytes, they are decoded now; else each part is a
    :class:`FolderSplit`, which reads them as they are needed. ``name`` is that of the folder
    unless given.

    Raises :class:`~alexnet_course.data.DataError` for a missing part, no or an empty class, parts
    whose classes differ, and an unreadable image, each by its path.
    """
    root = Path(root).expanduser()
    held_out = next((part for part in HELD_OUT if (root / part).is_dir()), "test")
    classes, train = _list(root, "train", size)
    others, test = _list(root, held_out, size)
    if others != classes:
        raise DataError(
            f"{root / held_out} has other classes than {root / 'train'}: "
            f"{differing_classes(others, classes)}. Both need the same class folders, named alike"
        )
    parts = [train, test]
    if (len(train) + len(test)) * 3 * size * size <= memory:
        parts = [
            Split(_read(part.files, size, f"reading {folder}"), part.labels)
            for folder, part in zip(("train", held_out), parts, strict=True)
        ]
    name = name or root.resolve().name
    return ImageData(
        name,
        classes,
        *parts,
        held_out_name=HELD_OUT[held_out],
        source=f"{name} from the image folders in {root}, cropped to {size} × {size} pixels",
    )


def _list(root: Path, part: str, size: int) -> tuple[tuple[str, ...], FolderSplit]:
    from torchvision.datasets import ImageFolder  # takes seconds to import

    folder = root / part
    if not folder.is_dir():
        wanted = f"{root}/train/<class>/" if part == "train" else f"{root}/test/<class>/ (or val)"
        raise DataError(f"there is no folder {folder}; expected images in {wanted}")
    try:
        found = ImageFolder(folder)
    except FileNotFoundError as error:
        raise DataError(
            f"{folder}: {error} Expected {folder}/<class>/ with images in each. Fill or delete "
            "what is empty, hidden folders too"
        ) from error
    files, labels = zip(*found.samples, strict=True)
    return tuple(found.classes), FolderSplit(files, torch.tensor(labels), size)


def _read(files: Sequence[str], size: int, what: str) -> Tensor:
    """All ``files`` decoded: uint8 ``[N, 3, size, size]``."""
    images = torch.empty(len(files), 3, size, size, dtype=torch.uint8)

    def read(place: int) -> None:
        images[place] = _decode(files[place], size)

    with ThreadPoolExecutor() as pool:
        done = pool.map(read, range(len(files)))
        for _ in tqdm(done, total=len(files), desc=what, leave=False):
            pass
    return images


def _decode(path: str, size: int) -> Tensor:
    from torchvision.transforms import CenterCrop, Compose, PILToTensor, Resize

    convert = Compose([Resize(size), CenterCrop(size), PILToTensor()])
    try:
        with Image.open(path) as image:
            return convert(image.convert("RGB"))
    except Exception as error:  # Pillow raises many kinds; each means the same to a reader
        raise DataError(
            f"{path} can't be read as an image ({error}); replace or delete the file"
        ) from error
