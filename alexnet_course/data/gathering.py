"""Pictures as people have them: class folders, in other folders or in a zip, parted or not."""

import csv
import os
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm.std import tqdm

from alexnet_course.data.folders import differing_classes
from alexnet_course.data.image_folder import FolderSplit, cores, map_ahead, square
from alexnet_course.data.images import (
    DataError,
    Labelled,
    Split,
    canonical_order,
    pixel_digest,
)
from alexnet_course.data.near_copies import perceptual_hash
from alexnet_course.data.parting import TEST, TRAIN, VALIDATION
from alexnet_course.data.pictures import (
    CLUTTER,
    ENDINGS,
    class_folders,
    ending,
    expanded,
    pictures_and_others,
    read_rgb,
    tried,
)

PARTS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "publictest"), VALIDATION),
    **dict.fromkeys(("test", "testing", "privatetest"), TEST),
}
MOST_NAMED = 5
MEMORY = 2_000_000_000  # bytes of pictures that are held
PHONES = (".heic", ".heif")
FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # by their numbers


@dataclass(frozen=True)
class Found:
    """Picture files below ``root``, each with its class's place in ``classes`` and, where folders
    say it, its part, else an empty text. ``notes`` are sentences on what was left out.
    """

    root: Path
    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: tuple[int, ...]
    parts: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """Those that can be read, in canonical order: ``names`` from the root, ``labels`` int64
    ``[N]``, ``parts`` as :class:`Found` has them, ``images``, and ``hashes`` (bool ``[N, 120]``);
    and a sentence for each file that can't be read.
    """

    names: tuple[str, ...]
    labels: Tensor
    parts: tuple[str, ...]
    images: Labelled
    hashes: np.ndarray
    unreadable: tuple[str, ...]


@contextmanager
def opened(source: Path | str) -> Iterator[Path]:
    """A folder as it is; a zip, and FER2013's table of pixels, as a folder that goes afterwards."""
    source = expanded(source)
    if source.is_dir():
        table = source / "fer2013.csv"
        if not table.is_file():
            yield source
            return
        source = table
    if not source.exists():
        raise DataError(f"there is no folder or file {source}")
    with tempfile.TemporaryDirectory() as folder:
        if zipfile.is_zipfile(source):
            _unpack(source, Path(folder))
        elif source.suffix.lower() == ".csv":
            _draw_table(source, Path(folder))
        else:
            raise DataError(f"{source} is neither a folder nor a zip of one")
        yield Path(folder)


def _unpack(path: Path, folder: Path) -> None:
    """What a zip holds, without what systems put beside pictures; no name leads out of it."""
    with zipfile.ZipFile(path) as archive:
        wanted = [
            member
            for member in archive.infolist()
            if not member.is_dir()
            and not any(name.startswith(CLUTTER) for name in member.filename.split("/"))
        ]
        need, free = sum(m.file_size for m in wanted), shutil.disk_usage(folder).free
        if need > free:
            raise DataError(
                f"{path} holds {need / 1e9:.1f} GB, and {folder.parent} has room for "
                f"{free / 1e9:.1f}; unpack it yourself where there is more, and name the folder"
            )
        try:
            for member in tqdm(wanted, desc="unpacking", leave=False):
                archive.extract(member, folder)
        except (RuntimeError, zipfile.BadZipFile, NotImplementedError) as error:
            raise DataError(
                f"{path} can't be unpacked ({error}); unpack it yourself and name the folder"
            ) from error


def _draw_table(path: Path, folder: Path) -> None:
    """``fer2013.csv`` as class folders: its columns are ``emotion``, ``pixels`` and ``Usage``."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if not {"emotion", "pixels"} <= set(rows.fieldnames or ()):
            raise DataError(f"{path} is no table of FER2013: it lacks columns emotion and pixels")
        for number, row in enumerate(tqdm(rows, desc="reading pixels", leave=False)):
            try:
                pixels = np.array(row["pixels"].split(), dtype=np.uint8)
                side = round(len(pixels) ** 0.5)
                image = Image.fromarray(pixels.reshape(side, side))
                name = FER2013[int(row["emotion"])]
            except (ValueError, IndexError, OverflowError) as error:
                raise DataError(
                    f"{path}, row {number + 1}: expected an emotion from 0 to 6 and a square of "
                    f"pixels from 0 to 255 ({error})"
                ) from error
            usage = PARTS.get((row.get("Usage") or "training").lower(), TRAIN)
            place = folder / usage / name
            place.mkdir(parents=True, exist_ok=True)
            image.save(place / f"{number:05d}.png")


def find(root: Path) -> Found:
    """The class folders in ``root``, or in the one folder that it holds, and so on inwards; or in
    ``train``, ``test`` and the like there.

    Raises :class:`~alexnet_course.data.DataError` where there are fewer than two classes, a class
    without pictures, or a part with classes that ``train`` lacks.
    """
    root = _innermost(root)
    folders = class_folders(root)
    parts = {name: PARTS[name.lower()] for name in folders if name.lower() in PARTS}
    if len(parts) < len(folders) or TRAIN not in parts.values():
        parts = {}
    tops = parts or {"": ""}
    classes = tuple(sorted({c for top in tops for c in class_folders(root / top)}))
    _require_classes(root, tops, classes)
    files: list[str] = []
    labels: list[int] = []
    each_part: list[str] = []
    others: list[str] = []
    for top, name in tops.items():
        for label, class_name in enumerate(classes):
            if not (root / top / class_name).is_dir():
                continue
            found, more = pictures_and_others(root / top / class_name)
            files += found
            others += more
            labels += [label] * len(found)
            each_part += [name] * len(found)
    _require_pictures(root, classes, labels, others)
    names = [os.path.relpath(other, root) for other in others]
    notes = [*_left_out(names), *_outside(root, tops)]
    return Found(root, classes, tuple(files), tuple(labels), tuple(each_part), tuple(notes))


def _innermost(root: Path) -> Path:
    """Where the class folders are: inside a folder that is alone, as zips have it."""
    while len(inner := class_folders(root)) == 1 and class_folders(root / inner[0]):
        root = root / inner[0]
    return root


def _require_classes(root: Path, tops: dict[str, str], classes: Sequence[str]) -> None:
    if len(classes) < 2:
        there = f"only {classes[0]!r}" if classes else "none"
        raise DataError(
            f"{root} must hold a folder of pictures for each of two classes or more, such as "
            f"{root}/cat and {root}/dog; found {there}"
        )
    by_part = [(part, root / top, class_folders(root / top)) for top, part in tops.items()]
    trained = {name for part, _, own in by_part if part in ("", TRAIN) for name in own}
    for _, folder, own in by_part:
        if not trained.issuperset(own):
            raise DataError(
                f"{folder} has other classes than the training pictures: "
                f"{differing_classes(own, trained)}. Name them alike"
            )


def _require_pictures(
    root: Path, classes: Sequence[str], labels: Sequence[int], others: Sequence[str]
) -> None:
    empty = [name for label, name in enumerate(classes) if label not in set(labels)]
    if empty:
        also = f". {' '.join(_left_out(others))}" if others else ""
        raise DataError(
            f"{root}: no pictures in the classes {', '.join(empty)}; add some, or take the empty "
            f"folders out{also}"
        )


def _left_out(names: Sequence[str]) -> list[str]:
    """Sentences on files that are no pictures of a kind that is read; those of phones are named."""
    found = []
    heic = [name for name in names if ending(name) in PHONES]
    if heic:
        found.append(
            f"{_count(heic, 'picture')} left out, because HEIC is not read: {named(heic)}. Save "
            "such pictures as JPEG (on an iPhone: Settings, Camera, Formats, Most Compatible)."
        )
    kinds = Counter(ending(name) for name in names if ending(name) not in PHONES)
    if kinds:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        found.append(f"Files left out, whose endings are of no picture that is read: {counts}.")
    return found


def _outside(root: Path, tops: dict[str, str]) -> list[str]:
    """A sentence if pictures lie beside the class folders."""
    loose = [
        entry.name
        for top in tops
        for entry in sorted((root / top).iterdir())
        if entry.is_file() and entry.suffix.lower() in (*ENDINGS, *PHONES)
    ]
    if not loose:
        return []
    return [f"{_count(loose, 'picture')} left out, in no class's folder: {named(loose)}."]


def _count(items: Sequence, what: str) -> str:
    return f"{len(items):,} {what}{'s' * (len(items) != 1)}"


def named(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """The first of ``names``, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def read(found: Found, size: int, memory: int = MEMORY) -> Pictures:
    """Decode all of them once: what can be read, in canonical order, at ``size`` pixels a side.

    Held if that takes at most ``memory`` bytes, else a
    :class:`~alexnet_course.data.image_folder.FolderSplit`. Raises
    :class:`~alexnet_course.data.DataError` where none of a class can be read.
    """
    held = len(found.files) * 3 * size * size <= memory

    def decode(path: str) -> tuple[bytes, np.ndarray, np.ndarray | None]:
        image = read_rgb(path)
        pixels = square(image, size)
        return pixel_digest(pixels), perceptual_hash(image), pixels if held else None

    decoded: list[Any] = list(
        tqdm(
            map_ahead(tried(decode), found.files, cores()),
            total=len(found.files),
            desc="reading pictures",
            leave=False,
        )
    )
    good = [i for i, one in enumerate(decoded) if not isinstance(one, DataError)]
    inside = f"{found.root}{os.sep}"
    errors = [str(one) for one in decoded if isinstance(one, DataError)]
    unreadable = tuple(error.replace(inside, "") for error in errors)
    labels = [found.labels[i] for i in good]
    if lost := [name for label, name in enumerate(found.classes) if label not in labels]:
        raise DataError(f"no picture of {', '.join(lost)} can be read: {named(unreadable)}")
    order = [good[i] for i in canonical_order([decoded[i][0] for i in good], np.array(labels))]
    files = tuple(found.files[i] for i in order)
    sorted_labels = torch.tensor([found.labels[i] for i in order])
    images: Labelled = FolderSplit(files, sorted_labels, size)
    if held:
        images = Split(torch.from_numpy(np.stack([decoded[i][2] for i in order])), sorted_labels)
    return Pictures(
        tuple(Path(os.path.relpath(file, found.root)).as_posix() for file in files),
        sorted_labels,
        tuple(found.parts[i] for i in order),
        images,
        np.stack([decoded[i][1] for i in order]),
        unreadable,
    )
