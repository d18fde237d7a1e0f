"""Grades what students hand in, however they hand it in.

``python tools/grading.py grade FOLDER`` (or a .zip) collects the notebooks, mends what can be
mended, runs nbgrader on each and reports; ``report`` takes the points for written answers from
``grading/written.csv`` and reports again. A report is ``grades.csv``, ``points.csv`` (a column an
exercise), ``not_graded.csv`` and ``written.csv`` below ``grading/``, and a page of feedback for
every student and exercise. ``who.csv`` there says whose files are, and asks where that is open.
"""

import argparse
import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Grade, Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import determine_grade
from sqlalchemy.exc import SAWarning

import box
import exercises
from archives import Gathered
from collecting import Handed, Refused, collect
from mending import graded
from owners import LEFT_OUT, Roll, tidy
from running import name_of_test
from tables import read_table, write_table

AUTOGRADED = "autograded"
WAITING = "written answers to grade"
PLACE = ("student", "exercise", "cell")  # where a written answer is
Place = tuple[str, str, str]
NO_BOX = (
    "students' code runs as you. It can read and change your files and this grading, use the "
    "network and leave programs running; 'For instructors' tells of a container."
)
LONGEST = 32_000  # characters of an answer in a table; spreadsheets hold 32,767 in a cell


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

    def cells(self, student: str, exercise: str) -> list[NotebookNode]:
        """The cells of a graded notebook, none if there is none."""
        name = self.sources[exercise].name
        path = self.folder / AUTOGRADED / student / exercise / name
        return nbformat.read(path, as_version=4).cells if path.exists() else []

    def blank(self, exercise: str) -> list[tuple[str, str]]:
        """The code of a release: the names of its tests, empty for other cells, and the sources."""
        path = self.folder / "release" / exercise / self.sources[exercise].name
        cells = nbformat.read(path, as_version=4).cells
        return [(name_of_test(cell), cell.source) for cell in cells if cell.cell_type == "code"]

    def register(self) -> dict[str, NotebookNode]:
        """Enter all exercises into the gradebook; gives their releases."""
        exercises.generate(self.api, self.sources)
        return {
            name: nbformat.read(self.folder / "release" / name / path.name, as_version=4)
            for name, path in self.sources.items()
        }


def grade(course: Course, source: Path, numbers: dict[str, str]) -> None:
    """Collect, mend and grade all that lies in the folder or .zip ``source``; then :func:`report`.

    Raises :class:`SystemExit`, with nothing graded, if it is open whose some of it is.
    """
    if why := box.why_not():
        print(f"No box here ({why}): {NO_BOX}")
    releases = course.register()
    with tempfile.TemporaryDirectory() as scratch:
        roll = Roll(_who_is_who(course))
        handed, refused = collect(Gathered(source, Path(scratch)), releases, roll)
    _call(course, roll)
    students = sorted({one.student for one in handed})
    print(f"{len(handed)} notebooks of {len(students)} students: {', '.join(students)}")
    numbers = {roll.known.get(name, tidy(name)): number for name, number in numbers.items()}
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
            done = _autograde(course, one, numbers.get(one.student))
        except Exception as error:  # whatever it is, the others are to be graded
            why = str(error) if isinstance(error, NotGraded) else f"{type(error).__name__}: {error}"
            refused.append(Refused(one.student, one.file, why))
            print(": could not be graded")
            continue
        notes[one.student, one.exercise] = "; ".join([*one.notes, *done])
        print(f": {time.monotonic() - started:.0f} s")
    write_table(course.folder / "not_graded.csv", ["student", "file", "why"], map(vars, refused))
    report(course, notes)
    print(f"{len(refused)} files not graded: see {course.folder / 'not_graded.csv'}")


def _who_is_who(course: Course) -> dict[str, str]:
    rows = read_table(course.folder / "who.csv", "name", "student")
    return {
        row["name"]: row["student"] if row["name"].startswith("./") else tidy(row["student"])
        for row in rows
    }


def _call(course: Course, roll: Roll) -> None:
    """Write ``who.csv``; stop if there is something to ask."""
    path = course.folder / "who.csv"
    known = {name: student for name, student in roll.known.items() if name not in roll.asked}
    rows = [{"name": name, "student": who} for name, who in (roll.asked | known).items()]
    write_table(path, ["name", "student"], rows)
    for words in roll.apart:
        print(words)
    if roll.asked:
        first, *more = sorted(roll.asked)
        others = f" and {len(more)} more" if more else ""
        raise SystemExit(
            f"nothing is graded yet, since it is open whose {first}{others} is: put the right "
            f"student into each line of {path} that begins with './' ({LEFT_OUT!r} to leave it "
            "out), then run the same command again"
        )


class NotGraded(Exception):
    """A notebook has no new grade; the message says why."""


@dataclass(frozen=True)
class _Standing:
    """What a student has for an exercise: points of tests, and points given by hand."""

    tests: float
    by_hand: dict[str, tuple[str, float]]  # name of the cell: its answer's digest, and points


def _standing(course: Course, one: Handed) -> _Standing | None:
    with course.gradebook() as book:
        try:
            submission = book.find_submission(one.exercise, one.student)
        except MissingEntry:
            return None
        cells = course.cells(one.student, one.exercise)
        grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
        by_hand = {
            grade.name: (digest_of(_answer(cells, grade)), grade.manual_score)
            for grade in grades
            if grade.manual_score is not None and not grade.needs_manual_grade
        }
        return _Standing(sum(grade.auto_score or 0 for grade in grades), by_hand)


def _autograde(course: Course, one: Handed, number: str | None) -> list[str]:
    """Run nbgrader on a notebook; gives what was done with points given by hand.

    Raises :class:`NotGraded` if it is blank or fails where an earlier one did not, or can't be
    run; all that stood before then stands as it was.
    """
    before = _standing(course, one)
    if before is not None and not one.worked_in:
        raise NotGraded("is blank; the points of an earlier file stand")
    with _or_as_before(course, one):
        path = course.folder / "submitted" / one.student / one.exercise
        path.mkdir(parents=True)
        name = course.sources[one.exercise].name
        (path / name).write_text(nbformat.writes(one.notebook), encoding="utf-8")
        course.api.config.Run.update(number=number or "", blank=course.blank(one.exercise))
        result = course.api.autograde(one.exercise, one.student, force=True)
        why = "" if result["success"] else _reason(result.get("log", "") + result.get("error", ""))
        after = _standing(course, one)
        if not why and before and before.tests and not (after and after.tests):
            why = "passes no test"
        if why:
            raise NotGraded(why + ("; the points of an earlier file stand" if before else ""))
        return _keep_points(course, one, before.by_hand if before else {})


@contextlib.contextmanager
def _or_as_before(course: Course, one: Handed) -> Iterator[None]:
    """Make room for a new grade; on an error, or Ctrl-C, all is put back as it was."""
    steps = [
        course.folder / step / one.student / one.exercise for step in ("submitted", AUTOGRADED)
    ]
    database = course.folder / "gradebook.db"
    with tempfile.TemporaryDirectory() as kept:
        _copy(database, Path(kept) / "gradebook.db")
        for step in steps:
            if step.exists():
                shutil.move(step, Path(kept) / step.parts[-3])
        try:
            yield
        except BaseException:
            for step in steps:
                shutil.rmtree(step, ignore_errors=True)
                if (Path(kept) / step.parts[-3]).exists():
                    shutil.move(Path(kept) / step.parts[-3], step)
            _copy(Path(kept) / "gradebook.db", database)
            raise


def _copy(database: Path, to: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(to)) as target,
    ):
        source.backup(target)


def _keep_points(course: Course, one: Handed, by_hand: dict[str, tuple[str, float]]) -> list[str]:
    """Leave points given by hand with the answers that they were given to; says which are gone."""
    notes = []
    cells = course.cells(one.student, one.exercise)
    with course.gradebook() as book:
        for notebook in book.find_submission(one.exercise, one.student).notebooks:
            for grade in notebook.grades:
                digest, points = by_hand.get(grade.name, ("", None))
                if digest == digest_of(_answer(cells, grade)):
                    grade.manual_score, grade.needs_manual_grade = points, False
                    continue
                grade.manual_score, grade.needs_manual_grade = None, grade.auto_score is None
                if points:
                    given = f"{points:g} of {grade.max_score:g} points"
                    notes.append(f"{grade.name} had {given} for an earlier answer")
        book.db.commit()
    return notes


def _answer(cells: list[NotebookNode], grade: Grade) -> str:
    """What ``grade`` was given for: a written answer, or for a test all code answers."""
    if grade.cell.cell_type == "markdown":
        wanted = [cell for cell in cells if graded(cell).get("grade_id") == grade.name]
    else:
        wanted = [cell for cell in cells if graded(cell).get("solution")]
    return "\n\n".join(cell.source for cell in wanted)


def digest_of(answer: str) -> str:
    """What tells an answer from another one, whatever a spreadsheet makes of its text."""
    plain = "".join(answer.split())
    return f"id-{hashlib.sha256(plain.encode()).hexdigest()[:12]}"


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


@dataclass(frozen=True)
class _Written:
    """A written answer, where it is, and what the gradebook holds on it."""

    place: Place
    grade: Grade
    answer: str

    @property
    def digest(self) -> str:
        return digest_of("\n".join([*self.place, self.answer]))

    def is_of(self, line: dict[str, str]) -> bool:
        """Whether a line is about this very answer: by digest, or text if it has none."""
        digest = line.get("digest", "").strip()
        return (
            digest == self.digest if digest else digest_of(line["answer"]) == digest_of(self.answer)
        )


def report(course: Course, notes: dict[tuple[str, str], str] | None = None) -> bool:
    """Take over the points in ``written.csv``; write the tables and the pages of feedback.

    ``False`` if a line of ``written.csv`` could not be taken over; it is printed and kept. Raises
    :class:`SystemExit`, with nothing changed, if points are not those of the graded notebooks.
    """
    written, grades = course.folder / "written.csv", course.folder / "grades.csv"
    kept = {(row["student"], row["exercise"]): row["notes"] for row in read_table(grades)}
    kept |= notes or {}
    with course.gradebook() as book:
        if doubts := _doubts(book, course):
            raise SystemExit("\n".join([*doubts, "No table is written: grade these again."]))
        wrong = _take_over(read_table(written, *PLACE, "points", "answer"), _written(book, course))
        book.db.commit()
        book.db.expire_all()  # sums are made anew
        answers = _written(book, course)
        waiting = Counter(
            place[:2] for place, one in answers.items() if one.grade.needs_manual_grade
        )
        rows: list[dict[str, str]] = [
            {
                "student": student,
                "exercise": exercise,
                "points": f"{submission.score:g}",
                "of": f"{submission.max_score:g}",
                WAITING: str(waiting[student, exercise]),
                "notes": kept.get((student, exercise), ""),
            }
            for student, exercise, submission in _submissions(book)
        ]
        lines = [_line(one, wrong.get(place)) for place, one in answers.items()]
    rows.sort(key=lambda row: (row["student"], row["exercise"]))
    write_table(grades, ["student", "exercise", "points", "of", WAITING, "notes"], rows)
    write_table(written, [*PLACE, "of", "points", "digest", "answer"], lines)
    wide: dict[str, dict[str, str]] = {}
    for row in rows:
        wide.setdefault(row["student"], {"student": row["student"]})[row["exercise"]] = row[
            "points"
        ]
    columns = ["student", *sorted({row["exercise"] for row in rows})]
    write_table(course.folder / "points.csv", columns, wide.values())
    for row in rows:
        result = course.api.generate_feedback(row["exercise"], row["student"], force=True)
        if not result["success"]:
            print(f"no feedback for {row['student']}, {row['exercise']}: grade it again")
    print(f"{len(rows)} graded: {grades}; feedback in {course.folder / 'feedback'}")
    if waiting:
        print(f"written answers wait for points in {written}; then run 'make grades'")
    return not wrong


def _submissions(book: Gradebook) -> Iterator[tuple[str, str, SubmittedAssignment]]:
    """Each student and exercise, with what the gradebook holds on them."""
    for assignment in book.assignments:
        for submission in book.assignment_submissions(assignment.name):
            yield submission.student_id, assignment.name, submission


def _doubts(book: Gradebook, course: Course) -> list[str]:
    """Points beyond the maximum, and points that are no longer those of a graded notebook."""
    found = []
    for student, exercise, submission in _submissions(book):
        cells = {graded(cell).get("grade_id"): cell for cell in course.cells(student, exercise)}
        for grade in (grade for notebook in submission.notebooks for grade in notebook.grades):
            given = f"{grade.score:g} of {grade.max_score:g} points"
            place = f"{student}, {exercise}, {grade.name}: {given}"
            if not 0 <= grade.score <= grade.max_score:
                found.append(f"{place} in the gradebook")
            if grade.name in cells:
                points, _ = determine_grade(cells[grade.name])
                if points != grade.auto_score:
                    other = "none" if points is None else f"{points:g}"
                    found.append(f"{place} in the gradebook, but {other} in the graded notebook")
    return found


def _written(book: Gradebook, course: Course) -> dict[Place, _Written]:
    """All written answers."""
    found = {}
    for student, exercise, submission in _submissions(book):
        cells = course.cells(student, exercise)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                if grade.cell.cell_type == "markdown":
                    place = student, exercise, grade.name
                    found[place] = _Written(place, grade, _answer(cells, grade))
    return found


def _line(one: _Written, wrong: str | None) -> dict[str, str]:
    """The line of ``written.csv`` for an answer, with the points that could not be taken over."""
    points = "" if one.grade.needs_manual_grade else f"{one.grade.score:g}"
    answer = one.answer
    if len(answer) > LONGEST:
        answer = f"{answer[:LONGEST]} … (cut; all {len(answer):,} characters are on the page)"
    return dict(zip(PLACE, one.place, strict=True)) | {
        "of": f"{one.grade.max_score:g}",
        "points": points if wrong is None else wrong,
        "digest": one.digest,
        "answer": answer,
    }


def _take_over(lines: list[dict[str, str]], answers: dict[Place, _Written]) -> dict[Place, str]:
    """Enter the points of ``written.csv``, and print what is wrong; gives points that can't be."""
    wrong = {}
    digests = {one.digest: one for one in answers.values()}
    count = Counter(line.get("digest", "") for line in lines)
    for line in lines:
        if not line["points"].strip():
            continue
        student, exercise, cell = place = tuple(line[name] for name in PLACE)
        digest = line.get("digest", "")
        one = answers.get((student, exercise, cell))
        if one is None and count[digest] == 1:
            one = digests.get(digest)  # a spreadsheet may have changed a name, too
        if one is None:
            why = "nothing was graded under this name; leave the line out"
        elif not one.is_of(line):
            why = _not_given(one.grade, line["points"].strip())
        elif why := _give_points(one.grade, line["points"]):
            wrong[one.place] = line["points"]
        if why:
            print(f"written.csv, {', '.join(place)}: {why}")
    return wrong


def _not_given(grade: Grade, points: str) -> str:
    """What to say of points that were given to an answer which is no longer there."""
    if points == "0":
        return ""
    given = f"{points} of {grade.max_score:g} points were given to another answer"
    return f"{given}; the one there now {'waits' if grade.needs_manual_grade else 'keeps its own'}"


def _give_points(grade: Grade, given: str) -> str:
    """Enter points; gives what is wrong with them, or nothing."""
    try:
        points = float(given.replace(",", "."))
    except ValueError:
        points = -1.0
    if not 0 <= points <= grade.max_score:
        return f"points are {given!r}; expected a number from 0 to {grade.max_score:g}"
    if grade.needs_manual_grade or points != grade.score:
        grade.manual_score, grade.needs_manual_grade = points, False
    return ""


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
        numbers[row["student"].strip()] = row["number"].strip()
    return numbers


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
    grade(course, options.folder, read_numbers(options.numbers) if options.numbers else {})


if __name__ == "__main__":
    main()
