"""Files that let a run go on after it was stopped: tensors and plain data, never code."""

import hashlib
import io
import os
import tempfile
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Any

import torch

_FIRST_LINE = b"alexnet_course checkpoint, SHA-256 "


class CheckpointError(RuntimeError):
    """A checkpoint that can't be used; the message says why and what to do."""


def write_atomically(path: Path, write: Any) -> None:
    """Call ``write(file)`` on a new file, then put it in place of ``path`` in one step.

    Whoever reads ``path``, at any moment, finds the old content or the new, never a part. What
    processes that were killed left unfinished beside ``path`` is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(unfinished, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    for part in path.parent.glob(f"{escape(path.name)}.*.part"):
        process = part.name.removeprefix(f"{path.name}.").removesuffix(".part")
        if process.isdecimal() and not _is_alive(int(process)):
            with suppress(OSError):  # Windows refuses where the file is open still
                part.unlink()


def _is_alive(process: int) -> bool:
    """Whether a process runs here; on Windows, where asking could end it, always false."""
    if os.name == "nt":
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def require_writable(folder: Path) -> None:
    """Raise :class:`OSError` with the folder's name where nothing could be written into it.

    Nothing is left behind: a folder that is not there yet is not made, its parent is tried.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(4096))
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"{folder} can't be written into ({reason}); name another folder") from error


def save(path: Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers, strings, lists and dicts, all or nothing, with a digest of it all.

    Raises :class:`CheckpointError` where the file can't be written: what was there before stays.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getbuffer()
    try:
        write_atomically(path, lambda file: file.writelines([_head(payload), payload]))
    except OSError as error:
        raise CheckpointError(
            f"the checkpoint {path} can't be written ({error.strerror or error}). Make room there, "
            "or name a file in another folder"
        ) from error


def load(path: Path) -> dict[str, Any]:
    """Read what :func:`save` wrote.

    Raises :class:`CheckpointError` for a file of another kind, one in which a single bit has
    changed since, and one that asks to run code.
    """
    try:
        with open(path, "rb") as file:
            head, payload = file.read(len(_head(b""))), file.read()
    except OSError as error:
        raise _unusable(path, f"it can't be read: {error.strerror or error}") from error
    if head != _head(payload):
        raise _unusable(path, "it does not begin with the SHA-256 of its content")
    try:
        return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        reason = f"only tensors and plain data are read ({type(error).__name__}: {reason})"
        raise _unusable(path, reason) from error


def _head(payload: bytes | memoryview) -> bytes:
    return _FIRST_LINE + hashlib.sha256(payload).hexdigest().encode() + b"\n"


def _unusable(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is no checkpoint of this course, or is damaged: {reason}. Name another file to "
        "start anew, or move this one away"
    )
