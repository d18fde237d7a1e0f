"""Files that let a run go on after it was stopped: tensors and plain data, never code."""

import os
from pathlib import Path
from typing import Any

import torch


class CheckpointError(RuntimeError):
    """A checkpoint that can't be used; the message says why and what to do."""


def write_atomically(path: Path, write: Any) -> None:
    """Call ``write(file)`` on a new file, then put it in place of ``path`` in one step.

    Whoever reads ``path``, at any moment, finds the old content or the new, never a part.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(unfinished, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def save(path: Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers, strings, lists and dicts, all or nothing."""
    write_atomically(path, lambda file: torch.save(content, file))


def load(path: Path) -> dict[str, Any]:
    """Read what :func:`save` wrote. A file that is damaged, or asks to run code, is refused."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).partition("\n")[0]  # empty for some kinds of damage
        raise CheckpointError(
            f"{path} is no checkpoint of this course, or is damaged: only tensors and plain data "
            f"are read ({type(error).__name__}: {reason}). Delete it to start "
            "anew, or name another file"
        ) from error
