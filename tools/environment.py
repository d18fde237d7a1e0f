"""Makes ``.venv`` anew unless the one that is there can be used: what ``make`` does first.

``python tools/environment.py`` runs on any Python 3, before anything is installed. With an argument
more, the environment must have the Python that runs this, too.
"""

import re
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parent.parent / ".venv"
NEEDED = (3, 11)  # as pyproject.toml has it


def said_by_pip(folder: Path) -> str:
    """What the environment's pip tells about itself; nothing where it does not run."""
    pip = [str(folder / "bin" / "pip"), "--version"]
    try:
        return subprocess.check_output(pip, stderr=subprocess.DEVNULL).decode()
    except (OSError, subprocess.CalledProcessError):  # not there yet, or its Python is gone
        return ""


def fault(folder: Path, wanted: "tuple[int, int] | None" = None) -> str:
    """Why the environment ``folder`` can't be used; nothing if it can."""
    if not folder.is_dir():
        return "there is none yet"
    found = re.match(r"pip \S+ from (.+) \(python (\d+)\.(\d+)\)", said_by_pip(folder))
    if not found:
        return "the one that is there is not whole, or was moved: its pip does not run"
    if folder.resolve() not in Path(found[1]).resolve().parents:
        return "the one that is there was made in another folder, " + found[1]
    version = int(found[2]), int(found[3])
    if version < NEEDED or version != (wanted or version):
        return f"the one that is there has Python {found[2]}.{found[3]}"
    return ""


def main() -> None:
    version = sys.version_info[:2]
    reason = fault(ENVIRONMENT, version if sys.argv[1:] else None)
    if not reason:
        return
    if version < NEEDED:
        sys.exit(
            "Python {}.{} or later is needed, and {} is {}.{}: name one that you have, as in "
            "'make PYTHON=python3.12 book'".format(*NEEDED, sys.executable, *version)
        )
    print("Making .venv with Python {}.{}: {}".format(*version, reason), flush=True)
    sys.exit(subprocess.call([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)]))


if __name__ == "__main__":
    main()
