"""Grades what students hand in, however they hand it in.

``python tools/grading.py grade FOLDER`` (or a .zip) collects the notebooks, mends what can be
mended, runs nbgrader on each and reports; ``report`` takes the points for written answers from
``grading/written.csv`` and reports again. A report is ``grades.csv``, ``not_graded.csv`` and
``written.csv`` below ``grading/``, and a page of feedback for every student and exercise.
"""

import argparse
import contextlib
import csv
import difflib
import os
import re
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment, SubmittedNotebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning

import exercises

SYSTEM = re.compile(r"^\.|^__MACOSX$|^Thumbs\.db$")
MOODLE = re.compile(r"_\d+_assignsubmission_file_?$")
NOT_A_NAME = re.compile(r"[^\w.@+-]+")
WAITING = "written answers to grade"
LEAST_IN_COMMON = 0.3  # of an exercise's own cells, below which a file is not that exercise


@dataclass
class Handed:
    """A file that holds a student's answers to an exercise."""

    student: str
    exercise: str
    path: Path
    notebook: NotebookNode
    notes: list[str]


@dataclass(frozen=True)
class Refused:
    """A file that could not be graded."""

    student: str
    file: str
    why: str


class Course:
    """The exercises, their releases, and the folders of one grading."""

    def __init__(self, folder: Path) -> None:
        # nbgrader starts the command 'alembic', which lies beside this Python.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        steps = ("release", "submitted", "autograded", "feedback")
        config = exercises.settings(**{step: folder / step for step in steps})
        config.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
        self.directory = CourseDirectory(config=config)
        self.api = NbGraderAPI(self.directory, config=config)
        self.sources = exercises.sources(config)

    def gradebook(self) -> Gradebook:
        return Gradebook(self.directory.db_url, self.directory.course_id)

    def register(self) -> dict[str, NotebookNode]:
        """Enter all exercises into the gradebook; gives their releases."""
        for name in self.sources:
            result = self.api.generate_assignment(name, force=True)
            if not result["success"]:
                raise SystemExit(f"{name} could not be entered:\n{result.get('log', '')}")
        return {
            name: nbformat.read(self.folder / "release" / name / path.name, as_version=4)
            for name, path in self.sources.items()
        }


def collect(folder: Path, releases: dict[str, NotebookNode]) -> tuple[list[Handed], list[Refused]]:
    """The newest notebook of every student for every exercise in ``folder``; and the rest.

    A student is the first folder on the way to the file, or, for files that lie in ``folder``
    itself, what their name begins with, up to an underscore or the exercise's name.
    """
    newest: dict[tuple[str, str], Handed] = {}
    refused: list[Refused] = []
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: (path.stat().st_mtime, path.name)):
        parts = path.relative_to(folder).parts
        if any(SYSTEM.search(part) for part in parts):
            continue
        file = str(path.relative_to(folder))
        named = re.search("|".join(map(re.escape, releases)), path.name, re.IGNORECASE)
        if len(parts) > 1:
            student = MOODLE.sub("", parts[0])
        else:
            before = path.name[: named.start()] if named else path.name
            student = re.sub(r"(?i)copy of", "", before.split("_")[0]).strip(" -")
        student = NOT_A_NAME.sub("-", student).strip("-")
        if path.suffix.lower() != ".ipynb":
            refused.append(Refused(student, file, "is no notebook: its name ends otherwise"))
            continue
        if not student:
            why = "names no student: put it into a folder named after the student"
            refused.append(Refused(student, file, why))
            continue
        try:
            notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        except Exception as error:
            why = f"can't be read as a notebook ({type(error).__name__}): ask for it again"
            refused.append(Refused(student, file, why))
            continue
        shares = {name: in_common(notebook, release) for name, release in releases.items()}
        best = max(shares, key=shares.__getitem__)
        name = named[0].lower() if named else best
        if shares[name] < LEAST_IN_COMMON:
            why = f"holds {shares[name]:.0%} of the cells of {name}"
            if shares[best] >= LEAST_IN_COMMON:
                why += f": it is {best}, under another name"
            refused.append(Refused(student, file, f"{why}; ask for the right file"))
            continue
        if earlier := newest.get((student, name)):
            why = f"is older than {path.name}, which was graded"
            refused.append(Refused(student, str(earlier.path.relative_to(folder)), why))
        newest[student, name] = Handed(student, name, path, notebook, [])
    return list(newest.values()), refused


def _text(cell: NotebookNode) -> tuple[str, str]:
    return cell.cell_type, "".join(cell.source.split())


def _graded(cell: NotebookNode) -> dict:
    return cell.metadata.get("nbgrader", {})


def in_common(notebook: NotebookNode, release: NotebookNode) -> float:
    """The share of the release's fixed cells that ``notebook`` still holds."""
    held = {_text(cell) for cell in notebook.cells}
    fixed = [_text(cell) for cell in release.cells if not _graded(cell).get("solution")]
    return sum(text in held for text in fixed) / len(fixed)


def mend(notebook: NotebookNode, release: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The student's notebook with every cell of the release known again, and what was done.

    Cells are known by nbgrader's name for them, by their id, or by their place among cells that
    have not been changed (editors drop the first two). A cell that is missing is put back where
    it was; cells that the student added stay.
    """
    place = _places(notebook, release)
    cells, notes = [NotebookNode(cell) for cell in notebook.cells], []
    for cell in cells:
        cell.metadata.pop("nbgrader", None)
    for position, theirs in place.items():
        ours = release.cells[position]
        if _graded(ours):
            cells[theirs].metadata["nbgrader"] = _graded(ours)
        cells[theirs].id = ours.id
        if not _graded(ours).get("solution"):
            cells[theirs].source = ours.source
    taken = {cell.id for cell in release.cells} | {""}
    for number, cell in enumerate(cells):
        if number not in place.values() and cell.get("id", "") in taken:
            cell.id = f"added-{number}"
    result: list[NotebookNode] = []
    behind = {theirs: position for position, theirs in place.items()}
    waiting = [position for position in range(len(release.cells)) if position not in place]
    for number, cell in enumerate(cells):
        if number in behind:
            while waiting and waiting[0] < behind[number]:
                result.append(NotebookNode(release.cells[waiting.pop(0)]))
        result.append(cell)
    result += [NotebookNode(release.cells[position]) for position in waiting]
    for position in range(len(release.cells)):
        if position not in place and (name := _graded(release.cells[position]).get("grade_id")):
            notes.append(f"{name} was missing and put back")
    fixed = nbformat.v4.new_notebook(cells=result, metadata=release.metadata)
    return fixed, notes


def _places(notebook: NotebookNode, release: NotebookNode) -> dict[int, int]:
    """Which cell of ``notebook`` each cell of ``release`` has become, by position."""
    place: dict[int, int] = {}

    def take(position: int, candidates: Iterable[int]) -> None:
        kind = release.cells[position].cell_type
        for theirs in candidates:
            if theirs not in place.values() and notebook.cells[theirs].cell_type == kind:
                place.setdefault(position, theirs)
                return

    keys = (lambda cell: _graded(cell).get("grade_id"), lambda cell: cell.get("id"))
    for key in keys:
        for position, ours in enumerate(release.cells):
            if position not in place and key(ours):
                same = [n for n, cell in enumerate(notebook.cells) if key(cell) == key(ours)]
                # Of a cell and its copy, the one that was worked in.
                same.sort(key=lambda n, ours=ours: _text(notebook.cells[n]) == _text(ours))
                take(position, same)
    texts = [[_text(cell) for cell in one.cells] for one in (release, notebook)]
    for tag, a, b, c, d in difflib.SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
        for position in range(a, b):
            if position not in place and tag == "equal":
                take(position, [c + position - a])
            elif position not in place and _graded(release.cells[position]).get("solution"):
                # A function is known by its name, any other answer by its place alone.
                named = re.match(r"def \w+\(", release.cells[position].source)
                wanted = named[0] if named else ""
                take(position, [n for n in range(c, d) if wanted in notebook.cells[n].source])
    return place


def grade(course: Course, folder: Path, numbers: dict[str, str]) -> None:
    """Collect, mend and grade all that lies in ``folder``; then :func:`report`."""
    releases = course.register()
    handed, refused = collect(folder, releases)
    for count, one in enumerate(handed, start=1):
        print(f"[{count}/{len(handed)}] {one.student}, {one.exercise}", end="", flush=True)
        started = time.monotonic()
        fixed, one.notes = mend(one.notebook, releases[one.exercise])
        name = course.sources[one.exercise].name
        place = course.folder / "submitted" / one.student / one.exercise
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        (place / name).write_text(nbformat.writes(fixed), encoding="utf-8")
        os.environ.pop("ALEXNET_COURSE_NUMBER", None)
        if one.student in numbers:
            os.environ["ALEXNET_COURSE_NUMBER"] = numbers[one.student]
        result = course.api.autograde(one.exercise, one.student, force=True)
        if result["success"]:
            print(f": {time.monotonic() - started:.0f} s")
        else:
            log = result.get("log", "") + result.get("error", "")
            refused.append(Refused(one.student, str(one.path.relative_to(folder)), _reason(log)))
            _forget(course, one)
            print(": could not be graded")
    _write(course.folder / "not_graded.csv", ["student", "file", "why"], map(vars, refused))
    notes = {(one.student, one.exercise): "; ".join(one.notes) for one in handed}
    report(course, notes)
    print(f"{len(refused)} files not graded: see {course.folder / 'not_graded.csv'}")


def _reason(log: str) -> str:
    if "DeadKernelError" in log or "Kernel died" in log:
        return "its code ends Python itself (or takes all memory): read it, then ask the student"
    if "UnresponsiveKernelError" in log:
        return "its code runs for ever and can't be stopped: read it, then ask the student"
    lines = [line.strip() for line in log.splitlines() if "Error" in line]
    return f"nbgrader could not run it: {lines[-1] if lines else 'no reason given'}"


def _forget(course: Course, one: Handed) -> None:
    with course.gradebook() as book, contextlib.suppress(MissingEntry):
        book.remove_submission(one.exercise, one.student)


def report(course: Course, notes: dict[tuple[str, str], str] | None = None) -> None:
    """Take over the points in ``written.csv``; write the tables and the pages of feedback."""
    written, grades = course.folder / "written.csv", course.folder / "grades.csv"
    kept = {(row["student"], row["exercise"]): row["notes"] for row in _read(grades)}
    kept |= notes or {}
    with course.gradebook() as book:
        for row in _read(written):
            if row["points"].strip():
                _give_points(book, course, row)
        book.db.commit()
        book.db.expire_all()  # sums are made anew
        rows, answers = [], []
        for who, submission, notebook in _submissions(book):
            waiting = 0
            for one in notebook.grades:
                if one.cell.cell_type != "markdown":
                    continue
                waiting += one.needs_manual_grade
                place = {"student": who[0], "exercise": who[1], "cell": one.name}
                points = "" if one.needs_manual_grade else f"{one.score:g}"
                answer = _answer(course, *who, notebook.name, one.name)
                answers.append(
                    place | {"of": f"{one.max_score:g}", "points": points, "answer": answer}
                )
            rows.append(
                {
                    "student": who[0],
                    "exercise": who[1],
                    "points": f"{submission.score:g}",
                    "of": f"{submission.max_score:g}",
                    WAITING: waiting,
                    "notes": kept.get(who, ""),
                }
            )
    rows.sort(key=lambda row: (row["student"], row["exercise"]))
    _write(grades, ["student", "exercise", "points", "of", WAITING, "notes"], rows)
    _write(written, ["student", "exercise", "cell", "of", "points", "answer"], answers)
    for row in rows:
        course.api.generate_feedback(row["exercise"], row["student"], force=True)
    print(f"{len(rows)} graded: {grades}; feedback in {course.folder / 'feedback'}")
    if any(row[WAITING] for row in rows):
        print(f"written answers wait for points in {written}; then run 'make grades'")


def _submissions(
    book: Gradebook,
) -> Iterator[tuple[tuple[str, str], SubmittedAssignment, SubmittedNotebook]]:
    """Each student and exercise, with what the gradebook holds on them."""
    for assignment in book.assignments:
        for submission in book.assignment_submissions(assignment.name):
            (notebook,) = submission.notebooks
            yield (submission.student_id, assignment.name), submission, notebook


def _give_points(book: Gradebook, course: Course, row: dict[str, str]) -> None:
    where = f"{row['student']}, {row['exercise']}, {row['cell']}"
    try:
        name = course.sources[row["exercise"]].stem
        one = book.find_grade(row["cell"], name, row["exercise"], row["student"])
    except (KeyError, MissingEntry):
        raise SystemExit(
            f"written.csv: nothing was graded as {where}; leave that line out"
        ) from None
    try:
        points = float(row["points"].replace(",", "."))
    except ValueError:
        points = -1.0
    if not 0 <= points <= one.max_score:
        raise SystemExit(
            f"written.csv, {where}: {row['points']!r}; expected a number from 0 to "
            f"{one.max_score:g}"
        )
    one.manual_score, one.needs_manual_grade = points, False


def _answer(course: Course, student: str, exercise: str, notebook: str, cell: str) -> str:
    path = course.folder / "autograded" / student / exercise / f"{notebook}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    return next((c.source for c in cells if _graded(c).get("grade_id") == cell), "")


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def _write(path: Path, names: list[str], rows: Iterable[dict]) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:  # Excel wants the mark
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def _unpacked(path: Path, folder: Path) -> Path:
    """``path`` itself, or what the archive ``path`` holds, unpacked into ``folder``."""
    if path.is_dir():
        return path
    if not zipfile.is_zipfile(path):
        raise SystemExit(f"{path} is neither a folder nor a .zip: name what students handed in")
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            made = Path(archive.extract(entry, folder))
            when = time.mktime((*entry.date_time, 0, 0, -1))
            os.utime(made, (when, when))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--into", type=Path, default=exercises.ROOT / "grading")
    commands = parser.add_subparsers(dest="command", required=True)
    grading = commands.add_parser("grade", help="collect, mend, grade and report")
    grading.add_argument("folder", type=Path, help="a folder of submissions, or a .zip of one")
    grading.add_argument("--numbers", type=Path, help="a CSV of student, number")
    commands.add_parser("report", help="take over written.csv and report again")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=SAWarning)  # of nbgrader's own making
    course = Course(options.into.resolve())
    os.environ |= {"ALEXNET_COURSE_CIFAR10": "stand-in", "ALEXNET_COURSE_SCALE": "quick"}
    if options.command == "report":
        report(course)
        return
    rows = _read(options.numbers) if options.numbers else []
    numbers = {NOT_A_NAME.sub("-", row["student"]).strip("-"): row["number"] for row in rows}
    with tempfile.TemporaryDirectory() as unpacked:
        grade(course, _unpacked(options.folder, Path(unpacked)), numbers)


if __name__ == "__main__":
    sys.exit(main())
