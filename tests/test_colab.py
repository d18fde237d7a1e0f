"""The Colab path, without Colab: a notebook alone in an empty folder, torch there, the course not.

Two chapters and an exercise; all of them where ``ALEXNET_COURSE_EVERY`` is set (``make colab``).

The environment is new, and holds what this one holds (torch among it), but not the course; a
module ``google.colab`` stands in for the real one; the repository is served as ``git+file://``;
pip may use no index, so that whatever it installs comes from the repository.
"""

import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import nbformat
import pytest

from test_notebooks import ROOT, notebooks

RUN = """
import sys, nbformat
from nbclient import NotebookClient
chapter = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(
    chapter, timeout=300, kernel_name="python3", allow_error_names=["NotYet"]
).execute()
nbformat.write(chapter, sys.argv[1])
"""
EXERCISES = sorted((ROOT / "notebooks" / "exercises").rglob("*.ipynb"))
NOTEBOOKS = [
    path
    for path in (*notebooks.chapters(), *EXERCISES)
    if os.environ.get("ALEXNET_COURSE_EVERY")
    or path.stem in ("03_size_arithmetic", "11_training", "ex03_size_arithmetic")
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A git repository with the package as it stands now; gives its address."""
    if not shutil.which("git"):
        pytest.skip("needs git, from which the set-up cell installs the course")
    folder = tmp_path_factory.mktemp("repository")
    kept = ["pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT", "alexnet_course"]
    for name in kept:
        subprocess.run(["cp", "-r", ROOT / name, folder], check=True)
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-qm", "now"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return f"file://{folder}"


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """A fresh environment's Python and its folder of packages."""
    folder = tmp_path_factory.mktemp("colab")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    installed = Path(sysconfig.get_path("purelib"))
    (packages / "google").mkdir()  # a folder of its own: others have parts of that package too
    for entry in (*installed.iterdir(), *installed.glob("google/*")):
        place = packages / entry.relative_to(installed)
        if "alexnet_course" not in entry.name and entry.suffix != ".pth" and not place.exists():
            place.symlink_to(entry)
    google = packages / "google" / "colab"
    google.mkdir()
    (google / "__init__.py").touch()
    python = folder / "bin" / "python"
    tried = subprocess.run(
        [python, "-I", "-c", "import torch, alexnet_course"], capture_output=True
    )
    assert b"No module named 'alexnet_course'" in tried.stderr, (
        "the course must be missing at first"
    )
    return python, packages


def run(python, *arguments, cwd):
    settings = {
        "ALEXNET_COURSE_CIFAR10": "stand-in",
        "ALEXNET_COURSE_SCALE": "quick",
        "PIP_NO_INDEX": "1",
        "PYTHONPATH": "",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this as: no isolation, setuptools is there
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "TQDM_DISABLE": "1",
    }
    return subprocess.run(
        [python, *arguments], cwd=cwd, env=os.environ | settings, capture_output=True, text=True
    )


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_alone_installs_the_course_and_runs(source, repository, colab, tmp_path):
    python, packages = colab
    chapter = notebooks.read(source)
    setup = next(cell for cell in chapter.cells if "setup" in cell.metadata.get("tags", []))
    setup.source = notebooks.SETUP.format(repository=repository, revision="main")
    path = tmp_path / source.name
    nbformat.write(chapter, path)

    done = run(python, "-c", RUN, path.name, cwd=tmp_path)

    assert done.returncode == 0, done.stderr[-3000:]
    installed = packages / "alexnet_course"
    assert installed.is_dir()
    assert not installed.is_symlink()
    assert (packages / "torch").is_symlink(), "the torch that was there must be left alone"
    code = [c for c in notebooks.read(path).cells if c.cell_type == "code"]
    errors = [o for c in code for o in c.outputs if o.output_type == "error"]
    assert bool(errors) == (source in EXERCISES), "checks of blank answers, and nothing else"
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
