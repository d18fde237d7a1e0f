"""What code ran, by which command and on what: the part of a manifest that any run shares."""

import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alexnet_course.config import digest

RECORDED = Path(__file__).parent / "recorded"


def environment(device: str, precision: str) -> dict[str, Any]:
    """Command, commit, device, hardware, precision and versions of this process."""
    packages = ("torch", "numpy", "pandas")
    return {
        "command": shlex.join(["python", "-m", "alexnet_course", *sys.argv[1:]]),
        "commit": _commit(),
        "device": device,
        "hardware": hardware(device),
        "precision": precision,
        "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
    }


def sealed(record: dict[str, Any]) -> dict[str, Any]:
    """``record`` with a digest of all that it says: a change that nobody meant is noticed by it."""
    return record | {"record_digest": digest(record)}


def is_sealed(record: dict[str, Any]) -> bool:
    """Whether ``record`` is as :func:`sealed` left it."""
    return record == sealed({key: x for key, x in record.items() if key != "record_digest"})


def making(manifest: Mapping[str, Any]) -> str:
    """By what a run's numbers can differ from those of another run of the same settings and seed.

    That is its precision, its kind of device, its version of PyTorch and, where its code was not
    that of a commit, the code. The commits of one project are alike in this: its tests compare
    settings and random draws, and each record's settings with the code.
    """
    torch, code = manifest.get("versions", {}).get("torch"), manifest.get("commit", "")
    text = f"{manifest.get('precision')} on {manifest.get('device')} by PyTorch {torch}"
    return text if is_commit(code) else f"{text}, code {code}"


def is_commit(code: str) -> bool:
    """Whether what a manifest calls its ``commit`` is one, without changes."""
    return re.fullmatch("[0-9a-f]{40}", code) is not None


def hardware(device: str) -> str:
    """The GPU's name, or the processor's with the number of threads that PyTorch uses."""
    import torch

    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{_processor()}, {torch.get_num_threads()} threads"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(x.split(":", 1)[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _commit() -> str:
    """The commit of the code that runs, marked where files differ from it or a Python file is new.

    A repository in which the package is merely installed says nothing about its code. A copy that
    ``git archive`` exported has the commit in a file, and what was changed since can't be told.
    """
    here = Path(__file__)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)  # fails where it is not tracked
        if git("rev-parse", "--show-prefix") != f"{here.parent.name}/":
            return "unknown (run from another repository)"
        commit = git("rev-parse", "HEAD")
        states = git("status", "--porcelain", "--untracked-files=all", ":/").splitlines()
    except (OSError, subprocess.CalledProcessError):
        return _exported(here.parent.parent) or "unknown (not run from a git checkout)"
    new = [state.rstrip('"').endswith(".py") for state in states if state.startswith("??")]
    return f"{commit}, with changes" if any(new) or len(states) > len(new) else commit


def _exported(root: Path) -> str | None:
    """The commit that ``git archive`` wrote into a file of the copy at ``root``."""
    file = root / ".git_archival.txt"
    found = re.match("node: ([0-9a-f]{40})\n", file.read_text()) if file.is_file() else None
    return found and found[1]
