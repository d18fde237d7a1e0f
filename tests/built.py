"""The built book, which two files of tests look at: built once, without a network.

Where ``ALEXNET_COURSE_BOOK`` names a folder of pages, those are checked (``make canary``).
"""

import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
NOWHERE = "http://127.0.0.1:9"


def parse(html):
    return BeautifulSoup(html, "html.parser")


class Site:
    """The built pages, each parsed once."""

    def __init__(self, folder):
        self.folder = folder
        self.paths = sorted(p for p in folder.rglob("*.html") if "_static" not in p.parts)
        self._ids = {}

    @cached_property
    def pages(self):
        return {p: parse(p.read_text(encoding="utf-8")) for p in self.paths}

    def ids(self, path):
        if path not in self._ids:
            page = self.pages.get(path)
            tags = page.find_all(id=True) if page else []
            self._ids[path] = {tag["id"] for tag in tags}
        return self._ids[path]

    def complaints(self, check):
        """What `check(page, path)` finds, by page."""
        found = {str(p.relative_to(self.folder)): check(self.pages[p], p) for p in self.paths}
        return {name: problems for name, problems in found.items() if problems}


def build(out):
    """What went wrong when the book was built into a folder; empty if nothing did."""
    jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    done = subprocess.run(
        [*jupyter_book, "build", ".", "-W", "-n", "--keep-going", "--path-output", str(out)],
        cwd=ROOT,
        env=os.environ | {"http_proxy": NOWHERE, "https_proxy": NOWHERE, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return f"{done.stdout}\n{done.stderr}" if done.returncode else ""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    if built := os.environ.get("ALEXNET_COURSE_BOOK"):
        return Site(Path(built).resolve())
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all workers: the first to come here builds
    out, log = shared / "book", shared / "book.log"
    with FileLock(shared / "book.lock"):
        if not log.exists():
            log.write_text(build(out), encoding="utf-8")
    if complaint := log.read_text(encoding="utf-8"):
        pytest.fail(f"the book does not build:\n{complaint}", pytrace=False)
    return Site((out / "_build" / "html").resolve())
