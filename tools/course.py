"""A course's exercises, and the folders and tables of one grading of them."""

import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Grade, Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

import exercises
from collecting import Handed
from mending import graded
from owners import tidy
from platforms import ClassList
from running import name_of_test
from tables import read_table, write_table

AUTOGRADED = "autograded"
CAME_AS = ("student", "exercise", "name")
Blank = list[tuple[str, str]]  # the code of a release: names of tests or none, and sources
Ran = Sequence[NotebookNode]  # code cells with what they showed


class Course:
    """The exercises, their releases, and the folders of one grading."""

    def __init__(self, folder: Path, config: Config | None = None) -> None:
        # nbgrader starts the command 'alembic', which lies beside this Python.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.folder, self.database = folder, folder / "gradebook.db"
        folder.mkdir(parents=True, exist_ok=True)
        steps = ("release", "submitted", AUTOGRADED, "feedback")
        config = exercises.settings(config, **{step: folder / step for step in steps})
        config.CourseDirectory.db_url = f"sqlite:///{self.database}"
        self.directory = CourseDirectory(config=config)
        self.api = NbGraderAPI(self.directory, config=config)
        self.sources = exercises.sources(config)

    def gradebook(self) -> Gradebook:
        return Gradebook(self.directory.db_url, self.directory.course_id)

    def cells(self, student: str, exercise: str) -> list[NotebookNode]:
        """The cells of a graded notebook, none if there is none; they are not to be changed."""
        name = self.sources[exercise].name
        path = self.folder / AUTOGRADED / student / exercise / name
        return _read(path, path.stat().st_mtime_ns).cells if path.exists() else []

    def release(self, exercise: str) -> NotebookNode:
        """The notebook that students are given, once :meth:`register` has written it."""
        path = self.folder / "release" / exercise / self.sources[exercise].name
        return _read(path, path.stat().st_mtime_ns)

    def blank(self, exercise: str) -> Blank:
        cells = self.release(exercise).cells
        return [(name_of_test(cell), cell.source) for cell in cells if cell.cell_type == "code"]

    def register(self) -> dict[str, NotebookNode]:
        """Enter into the gradebook all exercises that are not there as they are; gives releases."""
        digests = {name: digest(path.read_bytes()) for name, path in self.sources.items()}
        with self.made_anew("releases", digests) as stale:
            exercises.generate(self.api, stale)
        return {name: self.release(name) for name in self.sources}

    @contextlib.contextmanager
    def made_anew(self, what: str, digests: dict[str, str]) -> Iterator[list[str]]:
        """Names without a digest, or with another one than when ``what`` was made."""
        path = self.folder / "made.json"
        made = json.loads(path.read_text()) if path.exists() and self.database.exists() else {}
        before = made.get(what, {})
        yield [name for name, now in digests.items() if not now or before.get(name) != now]
        path.write_text(json.dumps(made | {what: digests}, indent=1))

    def run(self, one: Handed, number: str, blank: Blank, ran: Ran = ()) -> str:
        """Have nbgrader run a notebook and enter its points; says why if it could not.

        ``ran`` has the code cells as a run before has left them; then nothing is run.
        """
        path = self.folder / "submitted" / one.student / one.exercise
        path.mkdir(parents=True)
        name = self.sources[one.exercise].name
        (path / name).write_text(nbformat.writes(one.notebook), encoding="utf-8")
        self.api.config.Run.update(number=number, blank=blank, ran=list(ran))
        result = self.api.autograde(one.exercise, one.student, force=True)
        return "" if result["success"] else _reason(result.get("log", "") + result.get("error", ""))

    def class_list(self, path: Path | None = None) -> ClassList | None:
        """The class as ``path`` has it, which is kept; without a path as it was given last."""
        return self._kept("class.csv", path)

    def numbers(self, listed: ClassList | None) -> ClassList | None:
        """The list with the students' numbers: ``listed`` if it has them, or the last that had."""
        return self._kept("numbers.csv", listed.path if listed and listed.numbered else None)

    def _kept(self, name: str, path: Path | None) -> ClassList | None:
        kept = self.folder / name
        if path is None:
            return ClassList(kept) if kept.exists() else None
        listed = ClassList(path)
        if path.resolve() != kept:
            shutil.copyfile(path, kept)
        return listed

    def who_is_who(self) -> dict[str, str]:
        """The student that each name or path of ``who.csv`` stands for."""
        rows = read_table(self.folder / "who.csv", "name", "student")
        return {
            row["name"]: row["student"] if row["name"].startswith("./") else tidy(row["student"])
            for row in rows
        }

    def people(self) -> dict[str, set[str]]:
        """The names that each student goes by in ``who.csv``."""
        found: dict[str, set[str]] = defaultdict(set)
        for name, student in self.who_is_who().items():
            if not name.startswith("./"):
                found[student].add(name)
        return found

    def came_as(self) -> dict[tuple[str, str], str]:
        """The name that a learning platform gave to each student's file, where one did."""
        rows = read_table(self.folder / "came_as.csv", *CAME_AS)
        return {(row["student"], row["exercise"]): row["name"] for row in rows}

    def remember(self, one: Handed) -> None:
        """Keep the name that a platform gave to what was graded."""
        if one.came_as:
            found = self.came_as() | {(one.student, one.exercise): one.came_as}
            rows = [
                dict(zip(CAME_AS, (*place, name), strict=True)) for place, name in found.items()
            ]
            write_table(self.folder / "came_as.csv", list(CAME_AS), rows)


@functools.lru_cache(maxsize=1000)
def _read(path: Path, _when: int) -> NotebookNode:
    """A notebook as it was written at this time: a call and its report read each several times."""
    return nbformat.read(path, as_version=4)


def _reason(log: str) -> str:
    if found := re.search(r"running\.Tampered: (.*)", log):
        return (
            f"its code changes the checks: at its end, {found[1]} passes them. Read it, then ask "
            "the student (if a blank notebook has points too, the exercise is at fault)"
        )
    if "DeadKernelError" in log or "Kernel died" in log:
        return "its code ends Python itself (or takes all memory): read it, then ask the student"
    if "UnresponsiveKernelError" in log or "CellTimeoutError" in log:
        return (
            "its code runs for ever and can't be stopped, or shows more than can be read: look at "
            "it, then ask the student"
        )
    lines = [line.strip() for line in log.splitlines() if "Error" in line]
    return f"nbgrader could not run it: {lines[-1] if lines else 'no reason given'}"


def digest(*parts: bytes) -> str:
    """What tells whether something was made of these parts, as the course makes it today."""
    course = [exercises.ROOT / name for name in ("nbgrader_config.py", "tools/safe_html.py")]
    whole = hashlib.sha256()
    for part in (*(path.read_bytes() for path in course), *parts):
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()


def digest_of(answer: str) -> str:
    """What tells an answer from another one, whatever a spreadsheet makes of its text."""
    plain = "".join(answer.split())
    return f"id-{hashlib.sha256(plain.encode()).hexdigest()[:12]}"


def answer_of(cells: list[NotebookNode], grade: Grade) -> str:
    """What ``grade`` was given for: a written answer, or for a test all code answers."""
    if grade.cell.cell_type == "markdown":
        wanted = [cell for cell in cells if graded(cell).get("grade_id") == grade.name]
    else:
        wanted = [cell for cell in cells if graded(cell).get("solution")]
    return "\n\n".join(cell.source for cell in wanted)
