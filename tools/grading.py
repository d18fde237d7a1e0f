"""Grades what students hand in, however they hand it in.

``python tools/grading.py grade FOLDER`` (or a .zip) collects the notebooks, mends what can be
mended, runs nbgrader on each and reports; ``report`` takes the points for written answers from
``grading/written.csv`` and reports again. A report is ``grades.csv``, ``points.csv`` (a column an
exercise), ``not_graded.csv`` and ``written.csv`` below ``grading/``, and a page of feedback for
every student and exercise.
"""

import argparse
import contextlib
import csv
import io
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment, SubmittedNotebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning

import exercises
from collecting import Handed, Refused, collect, graded, mend, tidy, unpacked

AUTOGRADED = "autograded"
WAITING = "written answers to grade"


class Course:
    """The exercises, their releases, and the folders of one grading."""

    def __init__(self, folder: Path) -> None:
        # nbgrader starts the command 'alembic', which lies beside this Python.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        steps = ("release", "submitted", AUTOGRADED, "feedback")
        config = exercises.settings(**{step: folder / step for step in steps})
        config.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
        self.directory = CourseDirectory(config=config)
        self.api = NbGraderAPI(self.directory, config=config)
        self.sources = exercises.sources(config)

    def gradebook(self) -> Gradebook:
        return Gradebook(self.directory.db_url, self.directory.course_id)

    def register(self) -> dict[str, NotebookNode]:
        """Enter all exercises into the gradebook; gives their releases."""
        exercises.generate(self.api, self.sources)
        return {
            name: nbformat.read(self.folder / "release" / name / path.name, as_version=4)
            for name, path in self.sources.items()
        }


def grade(course: Course, folder: Path, numbers: dict[str, str]) -> None:
    """Collect, mend and grade all that lies in ``folder``; then :func:`report`."""
    releases = course.register()
    handed, refused = collect(folder, releases)
    students = sorted({one.student for one in handed})
    print(f"{len(handed)} notebooks of {len(students)} students: {', '.join(students)}")
    if numbers:
        for who, what in (
            (set(students) - set(numbers), "not in the table of numbers, so not checked"),
            (set(numbers) - set(students), "in the table of numbers, but handed in nothing"),
        ):
            if who:
                print(f"{what}: {', '.join(sorted(who))}")
    notes = {}
    for count, one in enumerate(handed, start=1):
        print(f"[{count}/{len(handed)}] {one.student}, {one.exercise}", end="", flush=True)
        started = time.monotonic()
        try:
            fixed, done = mend(one.notebook, releases[one.exercise])
            _autograde(course, one, fixed, numbers.get(one.student))
        except Exception as error:  # whatever it is, the others are to be graded
            why = str(error) if isinstance(error, NotGraded) else f"{type(error).__name__}: {error}"
            refused.append(Refused(one.student, str(one.path.relative_to(folder)), why))
            print(": could not be graded")
            continue
        notes[one.student, one.exercise] = "; ".join(done)
        print(f": {time.monotonic() - started:.0f} s")
    _write(course.folder / "not_graded.csv", ["student", "file", "why"], map(vars, refused))
    report(course, notes)
    print(f"{len(refused)} files not graded: see {course.folder / 'not_graded.csv'}")


class NotGraded(Exception):
    """nbgrader could not run a notebook; the message says why."""


def _autograde(course: Course, one: Handed, fixed: NotebookNode, number: str | None) -> None:
    """Run nbgrader on a mended notebook. If it fails, an earlier grade stands as it was."""
    steps = [
        course.folder / step / one.student / one.exercise for step in ("submitted", AUTOGRADED)
    ]
    with tempfile.TemporaryDirectory() as kept, course.gradebook() as book:
        earlier = steps[1].exists()
        for step in steps:
            if step.exists():
                shutil.move(step, Path(kept) / step.parts[-3])
        steps[0].mkdir(parents=True)
        path = steps[0] / course.sources[one.exercise].name
        path.write_text(nbformat.writes(fixed), encoding="utf-8")
        os.environ.pop("ALEXNET_COURSE_NUMBER", None)
        if number is not None:
            os.environ["ALEXNET_COURSE_NUMBER"] = number
        result = course.api.autograde(one.exercise, one.student, force=True)
        if result["success"]:
            return
        why = _reason(result.get("log", "") + result.get("error", ""))
        for step in steps:
            shutil.rmtree(step, ignore_errors=True)
            if (Path(kept) / step.parts[-3]).exists():
                shutil.move(Path(kept) / step.parts[-3], step)
        if earlier:
            why += "; the points of an earlier file stand"
        else:
            with contextlib.suppress(MissingEntry):
                book.remove_submission(one.exercise, one.student)
        raise NotGraded(why)


def _reason(log: str) -> str:
    if "DeadKernelError" in log or "Kernel died" in log:
        return "its code ends Python itself (or takes all memory): read it, then ask the student"
    if "UnresponsiveKernelError" in log:
        return "its code runs for ever and can't be stopped: read it, then ask the student"
    lines = [line.strip() for line in log.splitlines() if "Error" in line]
    return f"nbgrader could not run it: {lines[-1] if lines else 'no reason given'}"


def report(course: Course, notes: dict[tuple[str, str], str] | None = None) -> bool:
    """Take over the points in ``written.csv``; write the tables and the pages of feedback.

    ``False`` if a line of ``written.csv`` could not be taken over; it is printed and kept.
    """
    written, grades = course.folder / "written.csv", course.folder / "grades.csv"
    kept = {(row["student"], row["exercise"]): row["notes"] for row in read_table(grades)}
    kept |= notes or {}
    given = {
        (row["student"], row["exercise"], row["cell"]): row
        for row in read_table(written, "student", "exercise", "cell", "points", "answer")
        if row["points"].strip()
    }
    wrong = {}
    with course.gradebook() as book:
        for place, row in given.items():
            if why := _give_points(book, course, row):
                wrong[place] = row["points"]
                print(f"written.csv, {', '.join(place)}: {why}")
        book.db.commit()
        book.db.expire_all()  # sums are made anew
        rows, answers = [], []
        for who, submission, notebook in _submissions(book):
            waiting = 0
            for one in notebook.grades:
                if one.cell.cell_type != "markdown":
                    continue
                place = (*who, one.name)
                waiting += one.needs_manual_grade
                points = "" if one.needs_manual_grade else f"{one.score:g}"
                answer = {
                    "of": f"{one.max_score:g}",
                    "points": wrong.get(place, points),
                    "answer": _answer(course, *who, notebook.name, one.name),
                }
                names = ("student", "exercise", "cell")
                answers.append(dict(zip(names, place, strict=True)) | answer)
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
    wide: dict[str, dict[str, str]] = {}
    for row in rows:
        wide.setdefault(row["student"], {"student": row["student"]})[row["exercise"]] = row[
            "points"
        ]
    columns = ["student", *sorted({row["exercise"] for row in rows})]
    _write(course.folder / "points.csv", columns, wide.values())
    for row in rows:
        result = course.api.generate_feedback(row["exercise"], row["student"], force=True)
        if not result["success"]:
            print(f"no feedback for {row['student']}, {row['exercise']}: grade it again")
    print(f"{len(rows)} graded: {grades}; feedback in {course.folder / 'feedback'}")
    if any(row[WAITING] for row in rows):
        print(f"written answers wait for points in {written}; then run 'make grades'")
    return not wrong


def _submissions(
    book: Gradebook,
) -> Iterator[tuple[tuple[str, str], SubmittedAssignment, SubmittedNotebook]]:
    """Each student and exercise, with what the gradebook holds on them."""
    for assignment in book.assignments:
        for submission in book.assignment_submissions(assignment.name):
            (notebook,) = submission.notebooks
            yield (submission.student_id, assignment.name), submission, notebook


def _give_points(book: Gradebook, course: Course, row: dict[str, str]) -> str:
    """Enter the points of a line of ``written.csv``; gives what is wrong with it, or nothing."""
    try:
        name = course.sources[row["exercise"]].stem
        one = book.find_grade(row["cell"], name, row["exercise"], row["student"])
    except (KeyError, MissingEntry):
        return "nothing was graded under this name; leave the line out"
    answer = _answer(course, row["student"], row["exercise"], name, row["cell"])
    if "".join(answer.split()) != "".join(row["answer"].split()):
        # The points were given to an earlier answer; a blank one has its 0 by itself.
        one.manual_score, one.needs_manual_grade = None, one.auto_score is None
        return ""
    try:
        points = float(row["points"].replace(",", "."))
    except ValueError:
        points = -1.0
    if not 0 <= points <= one.max_score:
        return f"points are {row['points']!r}; expected a number from 0 to {one.max_score:g}"
    one.manual_score, one.needs_manual_grade = points, False
    return ""


def _answer(course: Course, student: str, exercise: str, notebook: str, cell: str) -> str:
    path = course.folder / AUTOGRADED / student / exercise / f"{notebook}.ipynb"
    cells = nbformat.read(path, as_version=4).cells if path.exists() else []
    return next((c.source for c in cells if graded(c).get("grade_id") == cell), "")


def read_table(path: Path, *columns: str) -> list[dict[str, str]]:
    """The lines of a CSV as spreadsheets save it, with commas or semicolons; none without a file.

    Raises :class:`SystemExit` if one of ``columns`` is missing.
    """
    if not path.exists():
        return []
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_bytes().decode("cp1252")
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    missing = [name for name in columns if rows and name not in rows[0]]
    if missing:
        raise SystemExit(f"{path} has no column {missing[0]!r}; it has {', '.join(rows[0])}")
    return [{name: value or "" for name, value in row.items() if name} for row in rows]


def read_numbers(path: Path) -> dict[str, str]:
    """The students' numbers, from a CSV with the columns ``student`` and ``number``."""
    if not path.exists():
        raise SystemExit(f"{path} does not exist; it should have the columns student, number")
    numbers = {}
    for row in read_table(path, "student", "number"):
        if not row["number"].strip().isdecimal():
            raise SystemExit(
                f"{path}: the number of {row['student']} is {row['number']!r}; expected a whole one"
            )
        numbers[tidy(row["student"])] = row["number"].strip()
    return numbers


def _write(path: Path, names: list[str], rows: Iterable[dict]) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:  # Excel wants the mark
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


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
    print(f"exercises from {next(iter(course.sources.values())).parents[1]}")
    if options.command == "report":
        if not report(course):
            sys.exit(1)
        return
    numbers = read_numbers(options.numbers) if options.numbers else {}
    with tempfile.TemporaryDirectory() as folder:
        grade(course, unpacked(options.folder, Path(folder)), numbers)


if __name__ == "__main__":
    sys.exit(main())
