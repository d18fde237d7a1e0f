"""Picture files: which of them are read, and how each becomes upright RGB of 8 bits."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from tqdm.std import tqdm

from alexnet_course.data.images import DataError

ENDINGS = (
    ".avif",
    ".bmp",
    ".gif",
    ".jfif",
    ".jpeg",
    ".jpg",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)
CLUTTER = (".", "__MACOSX", "@eaDir")  # how the names begin of what systems put beside pictures
MOST_NAMED = 20  # of many files that can't be read
BITS_PER_SAMPLE, PHOTOMETRIC, BLACK_IS_ZERO = 258, 262, 1  # tags of a TIFF


def expanded(path: Path | str) -> Path:
    """``path`` with the home folder in place of a leading ``~``."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DataError(
            f"{path}: no home folder is known to put in place of ~; write the whole path"
        ) from error


def visible(names: Iterable[str]) -> list[str]:
    """Those of ``names`` that are neither hidden nor other clutter, in order."""
    return sorted(name for name in names if not name.startswith(CLUTTER))


def _leads_back(path: Path) -> bool:
    """Whether ``path`` is a link to a folder that it lies in itself."""
    return path.parent.resolve().is_relative_to(path.resolve())


def class_folders(part: Path) -> list[str]:
    """The names of the visible folders in ``part``, in order."""
    return visible(p.name for p in part.iterdir() if p.is_dir() and not _leads_back(p))


def picture_files(folder: Path) -> tuple[list[str], Counter[str]]:
    """The pictures in and below ``folder``, by folder and name; how many other files, by ending.

    Links are followed, but each folder is read once, and none that the link to it lies in. What is
    hidden or otherwise clutter is neither read nor counted.
    """
    found, others = pictures_and_others(folder)
    return found, Counter(map(ending, others))


def pictures_and_others(folder: Path) -> tuple[list[str], list[str]]:
    """As :func:`picture_files`, but with the other files themselves."""
    found: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    seen = {folder.resolve()}
    for here, inner, names in os.walk(folder, onerror=_refuse, followlinks=True):
        folders = visible(inner)
        inner.clear()  # os.walk goes where this list says
        for path in (Path(here, name) for name in folders):
            if path.resolve() not in seen and not _leads_back(path):
                seen.add(path.resolve())
                inner.append(path.name)
        for name in visible(names):
            (found if is_picture(name) else others).append((here, name))
    return [os.path.join(*one) for one in sorted(found)], [os.path.join(*o) for o in sorted(others)]


def is_picture(name: Path | str) -> bool:
    """Whether a file's ending is that of a picture which is read."""
    return ending(name) in ENDINGS


def ending(name: Path | str) -> str:
    """Of a file's name, in small letters; or that it has none."""
    return Path(name).suffix.lower() or "no ending"


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename} can't be listed ({error.strerror})") from error


def unreadable(path: Path | str, error: Exception) -> DataError:
    """The sentence for a file that is no picture, or a damaged one."""
    return DataError(
        f"{path} can't be read as an image ({error}); replace the file, or move it elsewhere"
    )


def read_rgb(path: Path | str) -> Image.Image:
    """The picture in a file, turned as its EXIF orientation says, as RGB of 8 bits.

    16-bit grey is divided by 257, so that 65,535 becomes 255. What is transparent lies on white.
    Of an animation the first picture is taken. Raises :class:`~alexnet_course.data.DataError` for
    a file that can't be read, and for pixels of which it isn't known how bright the brightest can
    be: floats, whole numbers of 32 bits, TIFFs of 12 bits or with white as 0.
    """
    try:
        with Image.open(path) as image:
            ImageOps.exif_transpose(image, in_place=True)
            return _on_white(_grey_of_8_bits(image, path) if image.mode[0] in "IF" else image)
    except DataError:
        raise
    except Exception as error:  # Pillow raises many kinds; each means the same to a reader
        raise unreadable(path, error) from error


def _grey_of_8_bits(image: Image.Image, path: Path | str) -> Image.Image:
    known = image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in ("PNG", "PPM")  # 16 bits in a wider type
    )
    tags = getattr(image, "tag_v2", {})
    if not (
        known
        and tags.get(BITS_PER_SAMPLE, (16,)) == (16,)
        and tags.get(PHOTOMETRIC, BLACK_IS_ZERO) == BLACK_IS_ZERO
    ):
        kind = "floats" if image.mode == "F" else "whole numbers"
        raise DataError(
            f"{path} holds {kind} of which it isn't known what white is (Pillow's mode "
            f"{image.mode}); save it as a PNG of 8 or 16 bits"
        )
    pixels = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((pixels + 128) // 257).astype(np.uint8))
    if "transparency" in image.info:  # the one value that is not seen
        seen = pixels != image.info["transparency"]
        grey.putalpha(Image.fromarray(seen.astype(np.uint8) * 255))
    return grey


def _on_white(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def read_all(files: Sequence, decode: Callable, size: int, what: str) -> np.ndarray:
    """What ``decode`` makes of each file, in threads: uint8 ``[N, 3, size, size]``.

    Those that can't be read are one :class:`~alexnet_course.data.DataError`.
    """
    images = np.empty((len(files), 3, size, size), dtype=np.uint8)
    with ThreadPoolExecutor() as pool:
        decoded = tqdm(pool.map(tried(decode), files), total=len(files), desc=what, leave=False)
        for place, image in enumerate(all_or_error(decoded)):
            images[place] = image
    return images


def tried(decode: Callable) -> Callable:
    """``decode``, whose :class:`~alexnet_course.data.DataError` is handed out like an image."""

    def attempt(file: Any) -> Any:
        try:
            return decode(file)
        except DataError as error:
            return error

    return attempt


def all_or_error(decoded: Iterable) -> Iterator[np.ndarray]:
    """The images of what is :func:`tried`; its errors, once all are known, as one error."""
    errors: list[DataError] = []
    for image in decoded:
        if isinstance(image, DataError):
            errors.append(image)
        elif not errors:
            yield image
    if len(errors) == 1:
        raise errors[0]
    if errors:
        named = "; ".join(map(str, errors[:MOST_NAMED]))
        more = f"; and {len(errors) - MOST_NAMED:,} more" if len(errors) > MOST_NAMED else ""
        raise DataError(f"{len(errors):,} images can't be used: {named}{more}")
