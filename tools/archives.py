"""The files that were handed in, from a folder or a .zip, with archives within them unpacked.

A file keeps the names on the way to it, but what an archive holds is written under plain numbers:
so no member's name can be too long, lead out of the archive or clash with another one.
"""

import contextlib
import os
import re
import shutil
import stat
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

SYSTEM = re.compile(r"^\.|^__MACOSX$|^Thumbs\.db$")
NOTEBOOK = re.compile(r"(?i)\.ipynb(\.txt|\.json)?$")
ARCHIVE = re.compile(r"(?i)\.zip$")
LARGEST = 100 * 2**20  # bytes of a member
TOTAL = 2 * 2**30  # bytes unpacked in all
MOST = 100_000  # members of an archive
DEEPEST = 3  # archives within one another


@dataclass(frozen=True)
class Found:
    """A file that was handed in: the names on the way to it, where its text lies, and its date.

    ``path`` is the null device for what lies in an archive and is no notebook: nobody reads it.
    """

    parts: tuple[str, ...]
    path: Path
    when: float


def well_formed(text: str) -> str:
    """``text`` as it can be stored: halves of surrogate pairs joined, or replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Gathered:
    """All files of the folder or .zip ``source``, but for what systems leave behind.

    Members of archives are written into ``scratch``. What can't be read is in ``left``: the names
    on the way to it, and why. Raises :class:`SystemExit` if ``source`` is neither of the two.
    """

    def __init__(self, source: Path, scratch: Path) -> None:
        self.files: list[Found] = []
        self.left: list[tuple[tuple[str, ...], str]] = []
        self._scratch, self._members, self._bytes = scratch, 0, 0
        if source.is_dir():
            self._walk(source)
        elif zipfile.is_zipfile(source):
            self._unpack(source, (), (source.name,), 1)
        else:
            raise SystemExit(
                f"{source} is neither a folder nor a .zip: name what students handed in"
            )

    def _walk(self, source: Path) -> None:
        def unreadable(error: OSError) -> None:
            parts = Path(error.filename).relative_to(source).parts
            self.left.append((parts, f"can't be opened ({error.strerror})"))

        for folder, inside, names in os.walk(source, onerror=unreadable):
            links = [name for name in inside if (Path(folder) / name).is_symlink()]
            inside[:] = sorted(name for name in inside if not SYSTEM.search(name))
            for name in sorted([*names, *links]):
                if SYSTEM.search(name):
                    continue
                path = Path(folder) / name
                parts = tuple(well_formed(part) for part in path.relative_to(source).parts)
                about = path.lstat()
                if stat.S_ISREG(about.st_mode):
                    self._add(Found(parts, path, about.st_mtime), 0)
                else:
                    self.left.append((parts, "is a link or no file at all: ask for the file"))

    def _add(self, found: Found, depth: int) -> None:
        """Take over a file, or what it holds if it is an archive."""
        *folders, name = found.parts
        if not ARCHIVE.search(name):
            self.files.append(found)
        elif depth == DEEPEST:
            self.left.append((found.parts, f"lies in {DEEPEST} archives: unpack it by hand"))
        else:
            within = (*folders, ARCHIVE.sub("", name))
            self._unpack(found.path, within, found.parts, depth + 1)

    def _unpack(
        self, path: Path, within: tuple[str, ...], shown: tuple[str, ...], depth: int
    ) -> None:
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                if len(members) > MOST:
                    raise ValueError(f"it has {len(members):,} members; {MOST:,} at most")
                for member in members:
                    self._take(archive, member, within, depth)
        except Exception as error:  # whatever is wrong with one archive, the others are read
            why = f"can't be read as an archive ({error}): ask for it again"
            self.left.append((shown, why))

    def _take(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, within: tuple[str, ...], depth: int
    ) -> None:
        name = _name(member)
        names = [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]
        if member.is_dir() or any(SYSTEM.search(part) for part in names if part != ".."):
            return
        parts = (*within, *(part for part in names if part != ".."))
        when = time.mktime((*member.date_time, 0, 0, -1))
        if not (NOTEBOOK.search(name) or ARCHIVE.search(name)):
            self.files.append(Found(parts, Path(os.devnull), when))
            return
        if why := self._forbidden(member, name):
            self.left.append((parts, why))
            return
        self._members += 1
        target = self._scratch / str(self._members)
        try:
            with archive.open(member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
        except Exception as error:  # a damaged member raises almost anything
            why = f"can't be unpacked ({error}): ask for it again"
            self.left.append((parts, why))
            return
        self._bytes += member.file_size
        self._add(Found(parts, target, when), depth)

    def _forbidden(self, member: zipfile.ZipInfo, name: str) -> str:
        """Why a member is not even tried, or nothing."""
        if ".." in re.split(r"[/\\]", name) or re.match(r"[/\\]|\w:", name):
            return "has a name that leads out of its archive: look at it, then ask for it again"
        if member.flag_bits & 1:
            return "is encrypted: ask for it without a password"
        if member.file_size > LARGEST:
            return f"is {member.file_size / 2**20:,.0f} MB unpacked; {LARGEST // 2**20} at most"
        if self._bytes + member.file_size > TOTAL:
            return f"goes beyond {TOTAL // 2**30} GB unpacked in one call: grade it alone"
        return ""


def _name(member: zipfile.ZipInfo) -> str:
    if not member.flag_bits & 0x800:  # not said to be UTF-8, but it often is
        with contextlib.suppress(UnicodeError):
            return member.filename.encode("cp437").decode("utf-8")
    return well_formed(member.filename)
